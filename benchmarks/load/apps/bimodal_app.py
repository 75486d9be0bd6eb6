"""Both workloads as Modal apps; one container each, so that every side has one worker."""

import modal

app = modal.App("bench")
image = modal.Image.debian_slim().add_local_python_source("raw_asgi", "fastapi_hello")
one_worker = dict(image=image, min_containers=1, max_containers=1)


@app.function(**one_worker)
@modal.concurrent(max_inputs=1000)
@modal.asgi_app()
def raw():
    from raw_asgi import application

    return application


@app.function(**one_worker)
@modal.concurrent(max_inputs=1000)
@modal.asgi_app()
def fastapi():
    from fastapi_hello import application

    return application
