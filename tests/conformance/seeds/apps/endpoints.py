import modal
from pydantic import BaseModel


class model:  # noqa: N801
    @staticmethod
    def predict(text: str) -> str:
        return text.upper()


def do_search(query: str, limit: int) -> list[str]:
    return [query] * limit


app = modal.App("endpoints")


@app.function()
@modal.fastapi_endpoint(method="POST")
def predict(data: dict):
    result = model.predict(data["text"])
    return {"prediction": result}


@app.function()
@modal.fastapi_endpoint()
def search(query: str, limit: int = 10):
    return {"results": do_search(query, limit)}


class Item(BaseModel):
    name: str
    qty: int = 42


@app.function()
@modal.fastapi_endpoint(method="POST")
def process(item: Item):
    return {"processed": item.name, "quantity": item.qty}
