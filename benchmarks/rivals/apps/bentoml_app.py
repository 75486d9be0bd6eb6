"""BentoML: bentoml serve bentoml_app:Hello --port PORT"""

import bentoml


@bentoml.service(workers=1)
class Hello:
    @bentoml.api
    def predict(self, name: str) -> dict:
        return {"message": f"Hello, {name}!"}
