"""WebSockets of ASGI applications, as a caller and the application see them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from support.apps import write
from support.waiting import eventually
from support.websocket import dial, handshake, open_websocket, shake_hands
from websockets.exceptions import ConnectionClosed, InvalidStatus

LIMIT = 2 << 20  # bytes of a message

APP = """
import asyncio
import json
import os
import time
from urllib.parse import parse_qs

import modal

app = modal.App("sockets")
seen = []


async def echo(scope, receive, send):
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})
    seen.append([scope["path"], message["code"], message.get("reason", "unknown"), time.time()])


async def show(scope, receive, send):
    shown = {key: scope[key] for key in ("type", "scheme", "path", "subprotocols", "http_version", "extensions")}
    shown["query"] = scope["query_string"].decode()
    shown["client"] = scope["client"][0]
    shown["state"] = scope["state"]
    shown["headers"] = {name.decode(): value.decode() for name, value in scope["headers"]}
    shown["input"] = modal.current_input_id()
    headers = [(b"x-mine", b"1"), (b"sec-websocket-accept", b"forged"), (b"connection", b"close")]
    chosen = (scope["subprotocols"] or [None])[-1]
    await send({"type": "websocket.accept", "subprotocol": chosen, "headers": headers})
    await send({"type": "websocket.send", "text": json.dumps(shown)})
    await send({"type": "websocket.close"})


async def refuse(scope, receive, send):
    await send({"type": "websocket.close", "code": 4000})


async def deny(scope, receive, send):
    headers = [(b"www-authenticate", b"Basic"), (b"content-type", b"text/plain")]
    await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b"who are ", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"you?"})


async def close(scope, receive, send):
    query = parse_qs(scope["query_string"].decode())
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "last words"})
    await send({"type": "websocket.close", "code": int(query["code"][0]), "reason": "bye"})
    seen.append([scope["path"], (await receive())["code"], "", time.time()])


async def leave(scope, receive, send):
    await send({"type": "websocket.accept"})


async def fail_before(scope, receive, send):
    raise ValueError("before the handshake")


async def fail_after(scope, receive, send):
    await send({"type": "websocket.accept"})
    await receive()
    raise ValueError("after the handshake")


async def silent(scope, receive, send):
    pass


async def die(scope, receive, send):
    await send({"type": "websocket.accept"})
    await receive()
    os._exit(1)


async def flood(scope, receive, send):
    # Sends until that is held up, and says how far it came; then goes on to the end.
    await send({"type": "websocket.accept"})
    for count in range(400):
        sending = asyncio.ensure_future(asyncio.wait_for(send({"type": "websocket.send", "bytes": bytes(65536)}), 60))
        done, _ = await asyncio.wait([sending], timeout=0.5)
        if not done:
            seen.append([scope["path"], count, "held up", time.time()])
            await sending
    await send({"type": "websocket.send", "text": "end"})


async def deaf(scope, receive, send):
    # Takes nothing for a while, then counts.
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive" and message.get("text") != "go":
        pass
    await asyncio.sleep(1)
    total = 0
    while (message := await receive())["type"] == "websocket.receive" and message.get("text") != "end":
        total += len(message["bytes"])
    await send({"type": "websocket.send", "text": str(total)})


async def linger(scope, receive, send):
    await send({"type": "websocket.accept"})
    try:
        await asyncio.sleep(60)
    finally:
        seen.append([scope["path"], 0, "cancelled", time.time()])


async def push(scope, receive, send):
    # Has two tasks, as chat applications do: one that sends and one that waits for the end.
    await send({"type": "websocket.accept"})

    async def tick():
        while True:
            await send({"type": "websocket.send", "text": "tick"})
            await asyncio.sleep(0.01)

    ticking = asyncio.ensure_future(tick())
    while (await receive())["type"] != "websocket.disconnect":
        pass
    ticking.cancel()
    seen.append([scope["path"], 0, "", time.time()])


ROUTES = {f"/{each.__name__}": each for each in (
    echo, show, refuse, deny, close, leave, fail_before, fail_after, silent, die, flood, deaf, linger, push)}


async def sockets(scope, receive, send):
    if scope["type"] == "websocket":
        assert (await receive()) == {"type": "websocket.connect"}
        return await ROUTES[scope["path"]](scope, receive, send)
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(seen).encode()})
    seen.clear()


@app.function(max_containers=1)
@modal.asgi_app()
def one():
    return sockets


@app.function(timeout=1, startup_timeout=60)
@modal.asgi_app()
def short():
    return sockets


@app.function()
@modal.concurrent(max_inputs=100)
@modal.asgi_app()
def many():
    return sockets


@app.function(secrets=[modal.Secret.from_dict({"BIMODAL_RUNNER_TAKEOVER": "0"})])
@modal.concurrent(max_inputs=100)
@modal.asgi_app()
def own(): return sockets
"""


@pytest.fixture(scope="module")
def urls(daemon, tmp_path_factory):
    urls = daemon.deploy(write(tmp_path_factory.mktemp("sockets"), APP))
    return {name: next(url for url in urls if f"-{name}." in url) for name in ("one", "short", "many", "own")}


@pytest.fixture
def url(daemon, urls):
    daemon.get(urls["many"])  # forgets what earlier tests left
    return urls["many"]


@pytest.fixture(params=["many", "own"])
def either_url(urls, request):
    return urls[request.param]  # by the runner, and by the client's own web path


def seen(daemon, url, path, second):
    """The application's note about that path with that second element, once it has made it."""
    found = []

    def look():
        found.extend(one for one in daemon.get(url).json() if one[0] == path and second in (None, one[1]))
        return found

    eventually(look, 10, f"a note of {path} and {second}")
    return found[0]


@pytest.mark.parametrize("compression", ["deflate", None])
def test_messages_of_every_size_come_back(daemon, either_url, compression):
    with open_websocket(daemon, either_url + "/echo", compression=compression) as connection:
        for size in (0, 1, 125, 126, 65_535, 65_536, 300_000, LIMIT):
            text = ("a\u00e9\u20ac\U0001f600" * (size // 10 + 1)).encode()[:size].decode(errors="ignore")
            for message in (text, os.urandom(size)):
                connection.send(message)
                assert connection.recv(timeout=20) == message
        connection.send(["frag", "men", "ted"])
        assert connection.recv(timeout=20) == "fragmented"
        connection.ping().wait(10)
        assert bool(connection.protocol.extensions) == (compression is not None)


def test_a_message_over_the_limit_closes_with_1009(daemon, either_url):
    for message in (bytes(LIMIT + 1), os.urandom(LIMIT + 1)):  # compressed to nearly nothing, or not at all
        with open_websocket(daemon, either_url + "/echo") as connection:
            with pytest.raises(ConnectionClosed) as closed:
                connection.send(message)
                connection.recv(timeout=20)
            assert closed.value.rcvd.code == 1009
    seen(daemon, either_url, "/echo", 1009)


def test_the_scope_says_what_the_caller_asked_for(daemon, either_url):
    with open_websocket(
        daemon, either_url + "/show?a=1", subprotocols=["v1", "v2"], user_agent_header="tests"
    ) as connection:
        shown = json.loads(connection.recv(timeout=20))
        assert connection.subprotocol == "v2"
        assert connection.response.headers["x-mine"] == "1"
        assert connection.response.headers["connection"] == "Upgrade"
        request_id = connection.response.headers["bimodal-request-id"]
    assert shown["type"] == "websocket" and shown["scheme"] == "ws" and shown["path"] == "/show"
    assert shown["subprotocols"] == ["v1", "v2"] and shown["query"] == "a=1" and shown["http_version"] == "1.1"
    assert shown["headers"]["user-agent"] == "tests" and shown["client"] == "127.0.0.1"
    # The client has no message for a response in the place of a refusal.
    assert shown["extensions"] == ({} if "-own." in either_url else {"websocket.http.response": {}})
    assert shown["input"] == "in-" + request_id


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/refuse", 403, "modal-http: the application refused the WebSocket"),
        ("/deny", 401, "who are you?"),
        ("/fail_before", 500, "Internal Server Error"),
        ("/silent", 500, "Internal Server Error"),
    ],
)
def test_a_websocket_that_is_not_accepted_gets_a_response(daemon, either_url, path, status, body):
    if "-own." in either_url and path == "/deny":
        status, body = 500, "Internal Server Error"  # which that path doesn't offer in the scope's extensions
    with pytest.raises(InvalidStatus) as refused:
        open_websocket(daemon, either_url + path)
    response = refused.value.response
    assert response.status_code == status
    assert body in response.body.decode()


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [("/close?code=1000", 1000, "bye"), ("/close?code=4321", 4321, "bye"), ("/leave", 1000, "")],
)
def test_the_application_closes_with_its_code_and_reason(daemon, either_url, path, code, reason):
    with open_websocket(daemon, either_url + path) as connection:
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                assert connection.recv(timeout=20) == "last words"
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)


@pytest.mark.parametrize("path", ["/fail_after", "/die"])
def test_an_application_that_fails_closes_with_1011(daemon, either_url, path):
    with open_websocket(daemon, either_url + path) as connection:
        connection.send("now")
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=20)
        assert closed.value.rcvd.code == 1011
    assert daemon.get(either_url).status_code == 200


def test_the_application_hears_how_the_caller_left(daemon, either_url):
    with open_websocket(daemon, either_url + "/echo") as connection:
        connection.close(4002, "had enough")
    said = "unknown" if "-own." in either_url else "had enough"  # the client hands no reason on
    assert seen(daemon, either_url, "/echo", 4002)[2] == said

    # Bytes of our own from here on: `websockets` always says goodbye.
    for farewell, code in ((b"\x88\x80abcd", 1005), (b"", 1006)):
        with shake_hands(daemon, either_url, "/echo") as raw:
            raw.sendall(farewell)
            left = time.time()
            raw.shutdown(socket.SHUT_WR)
            assert seen(daemon, either_url, "/echo", code)[3] - left < 1, "at once"


def test_a_function_timeout_closes_with_1011_and_cancels_the_task(daemon, urls):
    with open_websocket(daemon, urls["short"] + "/linger") as connection:
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=20)
        assert closed.value.rcvd.code == 1011
        assert "timed out" in closed.value.rcvd.reason
    assert seen(daemon, urls["short"], "/linger", 0)[2] == "cancelled"


def test_a_caller_that_is_killed_ends_its_task_and_frees_the_slot(daemon, urls):
    # With one slot, the next connection gets through only when the first one's is back.
    for path in ("/echo", "/push"):
        code = (
            "import sys; sys.path[:0] = eval(sys.argv[1])\n"
            "from types import SimpleNamespace\n"
            "from support.websocket import open_websocket\n"
            "daemon = SimpleNamespace(info={'web': sys.argv[2]})\n"
            "connection = open_websocket(daemon, sys.argv[3])\n"
            "connection.send('hello'); connection.recv(); print('ready', flush=True); input()\n"
        )
        command = [sys.executable, "-c", code, repr(sys.path), daemon.info["web"], urls["one"] + path]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "ready\n"
        waiting = []

        def connect_once():
            with open_websocket(daemon, urls["one"] + "/echo"):
                waiting.append(path)

        second = threading.Thread(target=connect_once)
        second.start()
        second.join(0.3)
        assert not waiting
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        killed = time.monotonic()
        second.join(20)
        assert waiting and time.monotonic() - killed < 3


def test_a_caller_that_does_not_read_holds_up_the_application(daemon, url):
    with open_websocket(daemon, url + "/flood", compression=None, max_queue=1) as connection:
        _, count, what, _ = seen(daemon, url, "/flood", None)
        assert what == "held up" and count < 200  # of 400 times 64 KiB
        received = 0
        while (message := connection.recv(timeout=20)) != "end":
            received += len(message)
        assert received == 400 * 65536


def test_an_application_that_does_not_receive_holds_up_the_caller(daemon, url):
    with open_websocket(daemon, url + "/deaf", compression=None) as connection:
        began = time.monotonic()
        connection.send("go")
        for _ in range(64):
            connection.send(bytes(1 << 20))
        assert time.monotonic() - began > 0.9  # it sleeps for a second
        connection.send("end")
        assert connection.recv(timeout=60) == str(64 << 20)


def test_a_deploy_leaves_it_open_and_the_daemons_end_closes_with_1012_after_its_grace(fresh_daemon, tmp_path):
    daemon = fresh_daemon({"BIMODAL_EXIT_GRACE": "1s", "BIMODAL_DRAIN": "1s"})
    script = write(tmp_path, APP)
    url = next(url for url in daemon.deploy(script) if "-many." in url) + "/echo"
    with open_websocket(daemon, url) as connection:
        daemon.deploy(script)
        connection.send("still here")
        assert connection.recv(timeout=20) == "still here"
        daemon.stop()
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=20)
        assert closed.value.rcvd.code == 1012


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Sec-WebSocket-Version": "12"}, 426),
        ({"Sec-WebSocket-Version": None}, 400),
        ({"Sec-WebSocket-Key": "short"}, 400),
        ({"Sec-WebSocket-Key": None}, 400),
    ],
)
def test_a_handshake_that_is_wrong_is_refused_by_name(daemon, url, changes, status):
    with dial(daemon) as raw:
        raw.sendall(handshake(url, "/echo", changes))
        answer = raw.recv(65536).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "sec-websocket-version: 13\r\n" in answer and "modal-http: " in answer
