"""The workloads as a Modal app; one container each at most, so that every side has one worker."""

import os

import modal

# Lines "name==version" that the peers' environment has as well; unknown inside the container, where the image is made.
FRAMEWORKS = os.environ.get("BENCH_FRAMEWORKS", "").split()
APPS = ("raw_asgi", "asgi_paths", "fastapi_app", "flask_app", "versions")

app = modal.App("bench")
image = modal.Image.debian_slim().pip_install(*FRAMEWORKS).add_local_python_source(*APPS)
one_worker = dict(image=image, max_containers=1)


@app.function(**one_worker)
@modal.concurrent(max_inputs=1000)
@modal.asgi_app()
def raw():
    from raw_asgi import application

    return application


@app.function(**one_worker)
@modal.concurrent(max_inputs=1000)
@modal.asgi_app()
def paths():
    from asgi_paths import application

    return application


@app.function(**one_worker)
@modal.concurrent(max_inputs=1000)
@modal.asgi_app()
def fastapi():
    from fastapi_app import application

    return application


@app.function(**one_worker)
@modal.concurrent(max_inputs=32)
@modal.wsgi_app()
def flask():
    from flask_app import application

    return application


@app.function(**one_worker)
@modal.fastapi_endpoint()
def which():
    from versions import versions

    return versions()
