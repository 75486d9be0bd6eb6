"""A WSGI function behind the gateway: threads, streams both ways, a failure, and WebSockets of flask-sock."""

import json
import threading

import pytest
from support.apps import write
from support.waiting import eventually
from support.websocket import open_websocket
from websockets.exceptions import ConnectionClosed

APP = """
import json
import threading

import modal

app = modal.App("wsgi")
meeting = threading.Barrier(4)


@app.function()
@modal.concurrent(max_inputs=4)
@modal.wsgi_app()
def serve():
    def answer(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/fail":
            raise ValueError("no answer")
        start_response("200 OK", [("content-type", "text/plain")])
        if path == "/meet":
            meeting.wait(10)
            yield modal.current_input_id().encode()
        elif path == "/count":
            yield json.dumps(sum(len(part) for part in iter(lambda: environ["wsgi.input"].read(65536), b""))).encode()
        elif path == "/half":
            yield b"half"
            raise ValueError("after the head")
        else:
            yield environ["HTTP_HOST"].encode()

    return answer


# The rest of what they need is in every container.
flask = "flask werkzeug itsdangerous blinker flask_sock simple_websocket wsproto".split()


@app.function(image=modal.Image.debian_slim().add_local_python_source(*flask), max_containers=1)
@modal.wsgi_app()
def sock():
    from flask import Flask
    from flask_sock import Sock

    web_app = Flask("sockets")
    sockets = Sock(web_app)
    left = []

    @sockets.route("/echo")
    def echo(socket):
        try:
            while True:
                socket.send(socket.receive())
        finally:
            left.append("echo")

    @sockets.route("/close")
    def close(socket):
        socket.close(4000, "enough")

    @web_app.route("/left")
    def who_left():
        return left

    return web_app
"""


@pytest.fixture(scope="module")
def urls(daemon, tmp_path_factory):
    return daemon.deploy(write(tmp_path_factory.mktemp("wsgi"), APP))


@pytest.fixture(scope="module")
def url(daemon, urls):
    url = next(url for url in urls if "-serve." in url)
    daemon.get(url)
    return url


def test_concurrent_requests_meet_in_one_container(daemon, url):
    ids = []
    callers = [threading.Thread(target=lambda: ids.append(daemon.get(url + "/meet").text)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(set(ids)) == 4 and all(one.startswith("in-") for one in ids)


def test_a_chunked_upload_is_read_to_its_end(daemon, url):
    def chunks():
        for _ in range(40):
            yield bytes(100_000)

    assert json.loads(daemon.post(url + "/count", content=chunks()).text) == 4_000_000


def test_failures_before_and_after_the_head(daemon, url):
    answer = daemon.get(url + "/fail")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    with pytest.raises(Exception, match="incomplete|peer closed"):
        daemon.get(url + "/half")
    assert daemon.get(url).status_code == 200


def test_flask_sock_serves_websockets_and_gives_its_slot_back(daemon, urls):
    url = next(url for url in urls if "-sock." in url)
    with open_websocket(daemon, url + "/echo") as connection:
        for message in ("text", b"bytes", "long" * 100_000):
            connection.send(message)
            assert connection.recv(timeout=20) == message
    # The only slot is free again, so that this is answered; and the handler has heard of the end.
    eventually(lambda: daemon.get(url + "/left").json() == ["echo"], 10, "the handler's end")
    with open_websocket(daemon, url + "/close") as connection:
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=20)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "enough")
    assert daemon.get(url + "/left").status_code == 200
