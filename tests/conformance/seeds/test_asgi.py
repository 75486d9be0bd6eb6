"""asgi_app on functions and classes."""

import time
from pathlib import Path

from support.websocket import open_websocket

APPS = Path(__file__).parent / "apps"


def test_a_fastapi_application_answers_on_its_routes(daemon):
    urls = daemon.deploy(APPS / "asgi.py")
    fastapi_app = next(url for url in urls if "fastapi-app" in url)
    echo_app = next(url for url in urls if "echo-app" in url)
    assert daemon.get(fastapi_app).json() == {"status": "ok"}
    assert daemon.post(fastapi_app + "/predict", json={"input": 21}).json() == {"result": 42}
    assert daemon.get(fastapi_app + "/nowhere").status_code == 404
    assert daemon.get(echo_app).json() == {"message": "Hello"}
    assert daemon.post(echo_app + "/echo", json={"deep": [1, None]}).json() == {"deep": [1, None]}


def test_a_class_loads_its_model_before_its_first_request(daemon):
    (url,) = daemon.deploy(APPS / "lifecycle.py")
    assert "lifecycle-inferenceservice-serve" in url
    assert daemon.post(url + "/generate", json={"prompt": "abc"}).json() == {"text": "cba"}


def test_starlette_runs_without_an_image_of_its_own(daemon):
    (url,) = daemon.deploy(APPS / "starlette_app.py")
    assert daemon.get(url, params={"name": "you"}).json() == {"hello": "you"}
    assert daemon.get(url + "/nowhere").status_code == 404


def test_events_reach_the_caller_as_they_are_sent(daemon):
    protected, url, generate = sorted(daemon.deploy(APPS / "streaming.py"), key=lambda url: url.split(".")[0])
    assert daemon.get(protected, params={"text": "abc"}).json() == {"result": "cba"}
    assert daemon.get(generate, params={"prompt": "a b"}).text == "data: a\n\ndata: b\n\n"
    daemon.get(url + "/warm-up")
    began = time.monotonic()
    with daemon.web.stream("GET", url) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == "data: event 0"
        first = time.monotonic() - began
        rest = [line for line in lines if line]
    assert first < 4, "not with the last one"
    assert time.monotonic() - began > 4
    assert rest == [f"data: event {i}" for i in range(1, 10)]


def test_a_websocket_of_fastapi_answers_each_message(daemon):
    (url,) = daemon.deploy(APPS / "websocket.py")
    with open_websocket(daemon, url + "/ws") as websocket:
        for word in ("hello", "again"):
            websocket.send(word)
            assert websocket.recv(timeout=20) == word.upper()
