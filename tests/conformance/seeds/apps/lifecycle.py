import modal


class Model:
    def generate(self, prompt: str) -> dict:
        return {"text": prompt[::-1]}


def load_model() -> Model:
    return Model()


app = modal.App("lifecycle")
image = modal.Image.debian_slim().pip_install("fastapi[standard]")


@app.cls(gpu="L40S", image=image)
class InferenceService:
    @modal.enter()
    def load_model(self):
        self.model = load_model()

    @modal.asgi_app()
    def serve(self):
        from fastapi import FastAPI

        app = FastAPI()

        @app.post("/generate")
        async def generate(request: dict):
            return self.model.generate(request["prompt"])

        return app
