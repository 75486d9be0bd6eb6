"""Ray Serve: python ray_app.py PORT"""

import signal
import sys

from fastapi import FastAPI
from pydantic import BaseModel
from ray import serve

web_app = FastAPI()


class Name(BaseModel):
    name: str


@serve.deployment(num_replicas=1, max_ongoing_requests=1000)
@serve.ingress(web_app)
class Hello:
    @web_app.post("/predict")
    async def predict(self, one: Name):
        return {"message": f"Hello, {one.name}!"}


if __name__ == "__main__":
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(sys.argv[1])}, logging_config={"enable_access_log": False}
    )
    serve.run(Hello.bind())
    signal.sigwait({signal.SIGTERM})
    serve.shutdown()
