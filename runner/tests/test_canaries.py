"""The same application under uvicorn and under the runner: same answers, same events inside it."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gateway import BODY, CALLER_GONE, CANCEL, DONE, END, MAX_BODY

HERE = Path(__file__).parent
TIMEOUT = 20
BOUNDARY = "----canary"
# Of the hop and of the moment, not of the application.
IGNORED = {"date", "server", "transfer-encoding", "connection", "bimodal-request-id"}


def multipart(*parts):
    lines = []
    for disposition, content in parts:
        lines += [f"--{BOUNDARY}", f"Content-Disposition: form-data; {disposition}", "", content]
    return "\r\n".join([*lines, f"--{BOUNDARY}--", ""]).encode()


def comparable(status, headers, body, complete):
    """Without what differs from one answer to the next of the same server."""
    kept = sorted((name, value) for name, value in headers if name not in IGNORED)
    text = body.decode("latin-1") + repr(kept)
    boundary = re.search(r"multipart/byteranges; boundary=(\w+)", text)
    body = body.replace(boundary[1].encode(), b"B") if boundary else body
    kept = [(name, value.replace(boundary[1], "B") if boundary else value) for name, value in kept]
    return {"status": status, "headers": kept, "body": body, "complete": complete}


class Uvicorn:
    """`uvicorn canaries:canary_app` in a process of its own."""

    def __init__(self):
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        self.port = listener.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "canaries:canary_app", "--fd", str(listener.fileno()),
             "--log-level", "critical"],
            cwd=HERE, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, pass_fds=[listener.fileno()],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        listener.close()

    def request(self, method, target, headers, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.request(method, target, body, {"Host": "canary", **headers})
            answer = connection.getresponse()
            try:
                content, complete = answer.read(), True
            except http.client.IncompleteRead as error:
                content, complete = error.partial, False
            fields = [(name.lower(), value) for name, value in answer.getheaders()]
            return comparable(answer.status, fields, content, complete)
        finally:
            connection.close()

    def leave(self, method, target, body):
        """Sends a request whose body goes on behind `body`, and leaves once the application has begun to answer it."""
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT) as caller:
            length = f"Content-Length: {len(body) + 10}\r\n" if body else ""
            caller.sendall(f"{method} {target} HTTP/1.1\r\nHost: canary\r\n{length}\r\n".encode() + body)
            self.wait_for_begin()

    def wait_for_begin(self):
        wait_for_event(self, " began")

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(TIMEOUT)


class Runner:
    """The same application in the runner, called over frames."""

    def __init__(self, host):
        self.host = host
        self.gateway = host.connect()

    def request(self, method, target, headers, body):
        path, _, query = target.partition("?")
        fields = [(b"host", b"canary"), (b"accept-encoding", b"identity")]
        if body or method == "POST":
            fields.append((b"content-length", str(len(body or b"")).encode()))
        fields += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        fields = list(dict(fields).items())
        answer = self.gateway.answer(self._send(method.encode(), path.encode(), query.encode(), fields, body or b""))
        given = [(name.decode().lower(), value.decode("latin-1")) for name, value in answer.headers]
        return comparable(answer.status, given, answer.body, answer.complete)

    def _send(self, method, path, query, fields, body):
        """Sends a request whose body is within the first credit, in frames as large as may be."""
        pieces = [body[at : at + MAX_BODY] for at in range(0, len(body), MAX_BODY)] or [b""]
        stream = self.gateway.begin(method, path, query, fields, body=pieces[0], end=len(pieces) == 1)
        for number, piece in enumerate(pieces[1:], 2):
            self.gateway.send_frame(BODY, stream, piece, flags=END if number == len(pieces) else 0)
        return stream

    def leave(self, method, target, body):
        stream = self.gateway.begin(method.encode(), target.encode(), body=body, end=not body)
        wait_for_event(self, " began")
        self.gateway.send_frame(CANCEL, stream, extra=CALLER_GONE)
        while self.gateway.frame_of(stream).type != DONE:
            pass

    def close(self):
        pass  # the fixture that made its host ends it


def events_of(server):
    return json.loads(server.request("GET", "/events", {}, None)["body"])


# Events are taken by asking for them; what came with an earlier question is kept here.
taken: dict[int, list[str]] = {}


def wait_for_event(server, ending):
    deadline = time.monotonic() + TIMEOUT
    mine = taken.setdefault(id(server), [])
    while not any(event.endswith(ending) for event in mine):
        assert time.monotonic() < deadline, f"no event {ending!r} among {mine}"
        mine += events_of(server)
        time.sleep(0.005)


def all_events(server, ending):
    wait_for_event(server, ending)
    return taken.pop(id(server))


@pytest.fixture(scope="module")
def uvicorn():
    server = Uvicorn()
    yield server
    server.close()


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    from conftest import Host

    host = Host(tmp_path_factory.mktemp("canary"), "asyncio", "canary_app")
    yield Runner(host)
    host.close()


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
FILE_PART = ('name="kept"; filename="f.txt"\r\nContent-Type: text/plain', "content " * 1000)

REQUESTS = [
    ("GET", "/async/word", {}, None),
    ("GET", "/async/w%20%C3%A4%2Fx?count=2", {}, None),
    ("GET", "/async/word?count=many", {}, None),
    ("GET", "/async/word/", {}, None),
    ("GET", "/missing", {}, None),
    ("POST", "/async/word", {}, None),
    ("HEAD", "/file", {}, None),
    ("OPTIONS", "/item", {}, None),
    ("GET", "/threaded", {}, None),
    ("GET", "/scope?a=1&b=%20&a=2", {}, None),
    ("GET", "/scope?", {}, None),
    ("GET", "/teapot", {}, None),
    ("GET", "/http-exception", {}, None),
    ("GET", "/unhandled", {}, None),
    ("POST", "/item", JSON, b'{"name": "n"}'),
    ("POST", "/item", JSON, b'{"price": "dear"}'),
    ("POST", "/item", JSON, b'{"name": '),
    ("POST", "/item", JSON, b""),
    ("POST", "/echo", {"Content-Type": "application/octet-stream"}, bytes(range(256)) * 700),
    ("POST", "/echo", {}, b""),
    ("GET", "/no-content", {}, None),
    ("GET", "/cookies", {}, None),
    ("GET", "/redirect", {}, None),
    ("GET", "/large", {}, None),
    ("GET", "/stream/async", {}, None),
    ("GET", "/stream/threaded", {}, None),
    ("GET", "/stream/broken", {}, None),
    ("GET", "/file", {}, None),
    ("GET", "/file", {"Range": "bytes=0-9"}, None),
    ("GET", "/file", {"Range": "bytes=100-"}, None),
    ("GET", "/file", {"Range": "bytes=-5"}, None),
    ("GET", "/file", {"Range": "bytes=0-3,10-13"}, None),
    ("GET", "/file", {"Range": "bytes=0-9", "If-Range": '"other"'}, None),
    ("GET", "/file", {"Range": "bytes=9999999-"}, None),
    ("GET", "/file", {"Range": "lines=1-2"}, None),
    ("GET", "/static/letters.txt", {}, None),
    ("GET", "/static/letters.txt", {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, None),
    ("GET", "/static/none.txt", {}, None),
    ("GET", "/static/../canaries.py", {}, None),
    ("GET", "/static/%2e%2e/canaries.py", {}, None),
    ("POST", "/form", FORM, b"name=n%C3%A4&age=3"),
    ("POST", "/form", FORM, b"age=old"),
    ("POST", "/form", MULTIPART, multipart(('name="name"', "n"))),
    ("POST", "/upload", MULTIPART, multipart(('name="note"', "for you"), FILE_PART)),
    ("POST", "/upload", MULTIPART, multipart(('name="note"', "no file"))),
    ("POST", "/upload", MULTIPART, b"no multipart at all"),
    ("GET", "/tagged/hello", {}, None),
    ("GET", "/tagged/stream", {}, None),
    ("GET", "/tagged/variable", {}, None),
    ("GET", "/tagged/refused", {}, None),
    ("GET", "/tagged/unhandled", {}, None),
    ("POST", "/tagged/echo", {}, b"body" * 50_000),
    ("GET", "/shouted/stream", {}, None),
    ("GET", "/shouted/unhandled", {}, None),
    ("GET", "/zipped/hello", {"Accept-Encoding": "gzip"}, None),
    ("GET", "/zipped/stream", {"Accept-Encoding": "gzip"}, None),
    ("GET", "/zipped/hello", {}, None),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: " ".join([*one[:2], *one[2].values()])[:60])
def test_the_answer_is_uvicorns(uvicorn, runner, request_):
    assert runner.request(*request_) == uvicorn.request(*request_)


WITH_EVENTS = [
    ("/dependency", "in the background"),
    ("/background", "second"),
    ("/failing-background", "failing"),
    ("/stream-with-background", "behind the stream"),
    ("/tagged/background", "second"),
]


@pytest.mark.parametrize("target, last", WITH_EVENTS)
def test_what_runs_around_a_response_runs_as_under_uvicorn(uvicorn, runner, target, last):
    for server in (uvicorn, runner):
        taken.pop(id(server), None)
        events_of(server)
    assert runner.request("GET", target, {}, None) == uvicorn.request("GET", target, {}, None)
    assert all_events(runner, last) == all_events(uvicorn, last)


# With the event that comes last. A stream that polls is_disconnected() itself is not among them: there Starlette's
# own listener may or may not be faster, under uvicorn too.
LEAVING = [
    ("GET", "/leave/polling", b"", "over"),
    ("GET", "/leave/stream", b"", "over"),
    ("GET", "/leave/background", b"", "though the caller left"),
    ("GET", "/leave/deaf", b"", "over"),
    ("POST", "/leave/upload", b"the beginning", "over"),
    ("GET", "/tagged/leave", b"", "over"),
    ("GET", "/shouted/leave", b"", "over"),
    ("GET", "/zipped/leave", b"", "over"),
]


@pytest.mark.parametrize("method, target, body, last", LEAVING)
def test_a_caller_that_leaves_ends_the_handler_as_under_uvicorn(uvicorn, runner, method, target, body, last):
    seen = []
    for server in (uvicorn, runner):
        taken.pop(id(server), None)
        events_of(server)
        server.leave(method, target, body)
        seen.append(all_events(server, last))
    assert seen[1] == seen[0]
