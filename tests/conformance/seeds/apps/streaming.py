import time

import modal


class model:  # noqa: N801
    @staticmethod
    def stream(prompt: str):
        yield from prompt.split()


def process(text: str) -> str:
    return text[::-1]


app = modal.App("streaming")


@app.function()
@modal.fastapi_endpoint()
def protected(text: str):
    return {"result": process(text)}


def event_generator():
    for i in range(10):
        yield f"data: event {i}\n\n".encode()
        time.sleep(0.5)


@app.function(image=modal.Image.debian_slim().pip_install("fastapi[standard]"))
@modal.fastapi_endpoint()
def stream():
    from fastapi.responses import StreamingResponse

    return StreamingResponse(event_generator(), media_type="text/event-stream")


@app.function(gpu="H100")
@modal.fastapi_endpoint()
def stream_generate(prompt: str):
    from fastapi.responses import StreamingResponse

    def generate():
        for token in model.stream(prompt):
            yield f"data: {token}\n\n"

    return StreamingResponse(generate(), media_type="text/event-stream")
