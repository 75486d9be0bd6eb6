"""The other kinds of web function, on both paths."""

import modal

app = modal.App("kinds")
own_path = modal.Secret.from_dict({"BIMODAL_RUNNER_TAKEOVER": "0"})


def wsgi(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("201 Created", [("content-type", "text/plain"), ("x-query", environ["QUERY_STRING"])])
    return [environ["REQUEST_METHOD"].encode(), b" ", environ["PATH_INFO"].encode("latin-1"), b" ", body]


def greet(name: str, times: int = 1):
    return [f"Hello, {name}"] * times


@app.function()
@modal.fastapi_endpoint(label="endpoint-takeover", docs=True)
def endpoint_takeover(name: str, times: int = 1):
    return greet(name, times)


@app.function(secrets=[own_path])
@modal.fastapi_endpoint(label="endpoint-client", docs=True)
def endpoint_client(name: str, times: int = 1):
    return greet(name, times)


@app.function()
@modal.wsgi_app(label="wsgi-takeover")
def wsgi_takeover():
    return wsgi


@app.function(secrets=[own_path])
@modal.wsgi_app(label="wsgi-client")
def wsgi_client():
    return wsgi
