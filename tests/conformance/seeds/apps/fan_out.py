import time

import modal

app = modal.App("fan-out")


@app.function(gpu="any")
def process_gpu():
    for i in range(10):
        yield f"data: result {i}\n\n".encode()
        time.sleep(1)


@app.function(image=modal.Image.debian_slim().pip_install("fastapi[standard]"))
@modal.fastapi_endpoint()
def hook():
    from fastapi.responses import StreamingResponse

    return StreamingResponse(process_gpu.remote_gen(), media_type="text/event-stream")


@app.function()
def process_segment(i):
    return f"segment {i}\n"


@app.function(image=modal.Image.debian_slim().pip_install("fastapi[standard]"))
@modal.fastapi_endpoint()
def stream_parallel():
    from fastapi.responses import StreamingResponse

    return StreamingResponse(process_segment.map(range(10)), media_type="text/plain")
