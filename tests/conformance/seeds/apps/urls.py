import modal


class model:  # noqa: N801
    @staticmethod
    async def predict_async(text: str) -> str:
        return text.upper()


app = modal.App("app-name")


@app.function()
@modal.fastapi_endpoint(label="api")
def handler():
    return "by label"


@app.function()
@modal.fastapi_endpoint()
def my_endpoint():
    url = my_endpoint.get_web_url()
    return {"url": url}


@app.function()
@modal.fastapi_endpoint(custom_domains=["api.example.com", "api.example.net"])
def hello(message: str):
    return {"message": f"hello {message}"}


@app.function()
@modal.fastapi_endpoint(custom_domains=["*.example.com"])
def any_of_them(message: str):
    return {"message": f"any {message}"}


@app.function(gpu="L40S")
@modal.concurrent(max_inputs=10)
@modal.fastapi_endpoint(method="POST")
async def batch_predict(data: dict):
    return {"result": await model.predict_async(data["text"])}
