"""The FastAPI workload: one `async def` endpoint that returns a small dict."""

from fastapi import FastAPI

application = FastAPI()


@application.get("/")
async def hello(name: str = "world"):
    return {"message": f"Hello, {name}!"}
