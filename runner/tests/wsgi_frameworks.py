"""Flask, Django and Bottle applications that the runner's tests serve."""

import bottle
import django
import flask
import flask_sock
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path


def _numbers():
    for number in range(5):
        yield f"data: {number}\n\n"


flask_app = flask.Flask("flask_app")


@flask_app.get("/")
def flask_hello():
    return {"hello": flask.request.args.get("name", "World"), "client": flask.request.remote_addr}


@flask_app.post("/json")
def flask_json():
    return flask.request.json


@flask_app.post("/upload")
def flask_upload():
    return {"size": len(flask.request.files["file"].read())}


@flask_app.post("/raw")
def flask_raw():
    return {"size": len(flask.request.get_data())}


@flask_app.get("/stream")
def flask_stream():
    return flask.Response(flask.stream_with_context(_numbers()), mimetype="text/event-stream")


@flask_app.get("/fail")
def flask_fail():
    raise RuntimeError("in the handler")


_sock = flask_sock.Sock(flask_app)


@_sock.route("/socket")
def flask_socket(socket):
    while True:
        message = socket.receive()
        socket.send(message.upper() if isinstance(message, str) else message)


bottle_app = bottle.Bottle()


@bottle_app.get("/")
def bottle_hello():
    return {"hello": bottle.request.query.get("name", "World"), "client": bottle.request.remote_addr}


@bottle_app.post("/json")
def bottle_json():
    return bottle.request.json


@bottle_app.get("/stream")
def bottle_stream():
    return _numbers()


def _django_hello(request):
    return JsonResponse({"hello": request.GET.get("name", "World"), "client": request.META["REMOTE_ADDR"]})


def _django_json(request):
    return HttpResponse(request.body, content_type="application/json")


def _django_stream(request):
    return StreamingHttpResponse(_numbers(), content_type="text/event-stream")


urlpatterns = [path("", _django_hello), path("json", _django_json), path("stream", _django_stream)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="of tests", DEBUG=False)
django.setup()
django_app = get_wsgi_application()
