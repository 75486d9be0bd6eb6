# A FastAPI application of several routes, in an image with its own packages.
#
#   bimodal deploy examples/todo_api.py

import modal

image = modal.Image.debian_slim().pip_install("fastapi[standard]")
app = modal.App("todo-api", image=image)


@app.function(max_containers=1)
@modal.concurrent(max_inputs=100)
@modal.asgi_app()
def api():
    from fastapi import FastAPI, HTTPException
    from pydantic import BaseModel

    class Todo(BaseModel):
        title: str
        done: bool = False

    web_app = FastAPI(title="Todo")
    todos: dict[int, Todo] = {}

    @web_app.get("/todos")
    async def list_todos():
        return todos

    @web_app.post("/todos", status_code=201)
    async def add_todo(todo: Todo):
        number = len(todos) + 1
        todos[number] = todo
        return {"number": number}

    @web_app.get("/todos/{number}")
    async def read_todo(number: int):
        if number not in todos:
            raise HTTPException(status_code=404, detail=f"there is no todo {number}")
        return todos[number]

    return web_app
