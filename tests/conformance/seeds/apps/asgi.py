import modal
from fastapi import FastAPI, Request


class model:  # noqa: N801
    @staticmethod
    def run(value: int) -> int:
        return value * 2


app = modal.App("asgi")
image = modal.Image.debian_slim().pip_install("fastapi[standard]")

web_app = FastAPI()


@web_app.get("/")
async def root():
    return {"status": "ok"}


@web_app.post("/predict")
async def predict(request: dict):
    return {"result": model.run(request["input"])}


@app.function(image=image, gpu="L40S")
@modal.asgi_app()
def fastapi_app():
    return web_app


@app.function(image=image)
@modal.concurrent(max_inputs=100)
@modal.asgi_app()
def echo_app():
    from fastapi import FastAPI

    web_app = FastAPI()

    @web_app.get("/")
    async def root():
        return {"message": "Hello"}

    @web_app.post("/echo")
    async def echo(request: Request):
        body = await request.json()
        return body

    return web_app
