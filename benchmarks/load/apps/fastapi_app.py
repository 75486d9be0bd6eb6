"""The FastAPI workloads: a small dict from `async def` and from `def`, and a model that pydantic reads and writes."""

from fastapi import FastAPI
from pydantic import BaseModel

application = FastAPI()


class Item(BaseModel):
    name: str
    price: float
    tags: list[str] = []


@application.get("/")
async def hello(name: str = "world"):
    return {"message": f"Hello, {name}!"}


@application.get("/def")
def hello_in_a_thread(name: str = "world"):
    return {"message": f"Hello, {name}!"}


@application.post("/items")
async def make(item: Item) -> Item:
    return item


class Name(BaseModel):
    name: str


@application.post("/predict")
async def predict(one: Name):
    return {"message": f"Hello, {one.name}!"}
