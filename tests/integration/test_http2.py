"""HTTP/2 at the web address: real clients, every kind of web function, and WebSockets over streams."""

import hashlib
import json
import subprocess
from urllib.parse import urlsplit

import pytest
from support.apps import write
from support.daemon import Daemon
from support.http2 import Http2, Tunnel
from support.waiting import eventually

APP = """
import hashlib
import subprocess
import sys

import fastapi
import modal
from fastapi.responses import StreamingResponse

app = modal.App("two")
web = fastapi.FastAPI()
gates = {}


@web.get("/scope")
def scope(request: fastapi.Request):
    shown = {key: request.scope[key] for key in ("http_version", "method", "scheme", "path")}
    return {**shown, "query": request.url.query, "headers": dict(request.headers), "client": request.client.host}


@web.post("/hash")
async def take(request: fastapi.Request):
    digest, size = hashlib.sha256(), 0
    async for chunk in request.stream():
        digest.update(chunk)
        size += len(chunk)
    return {"sha256": digest.hexdigest(), "size": size}


@web.get("/bytes/{size}")
def give(size: int):
    return fastapi.Response(b"b" * size, media_type="application/octet-stream")


@web.get("/events/{name}")
async def events(name: str):
    import asyncio

    gate = gates.setdefault(name, asyncio.Event())

    async def told():
        yield "data: one\\n\\n"
        await gate.wait()
        yield "data: two\\n\\n"

    return StreamingResponse(told(), media_type="text/event-stream")


@web.post("/open/{name}")
async def open_gate(name: str):
    gates[name].set()


@web.get("/fail")
def fail():
    raise RuntimeError("on purpose")


@web.websocket("/echo")
async def echo(socket: fastapi.WebSocket):
    await socket.accept(subprotocol=(socket.scope["subprotocols"] or [None])[0])
    await socket.send_json({"version": socket.scope["http_version"], "type": socket.scope["type"]})
    async for text in socket.iter_text():
        await socket.send_text(text)


@app.function()
@modal.concurrent(max_inputs=100)
@modal.asgi_app()
def site():
    return web


SERVER = '''
import asyncio, websockets.asyncio.server as server
async def echo(socket):
    await socket.send(socket.request.headers.get("upgrade", "") + " " + socket.request.path)
    async for message in socket:
        await socket.send(message)
async def main():
    async with server.serve(echo, "0.0.0.0", 8000) as running:
        await running.serve_forever()
asyncio.run(main())
'''


@app.function(image=modal.Image.debian_slim().pip_install("websockets==17.4"))
@modal.web_server(8000)
def other():
    subprocess.Popen([sys.executable, "-c", SERVER])
"""


@pytest.fixture(scope="module")
def daemon():
    running = Daemon({"BIMODAL_HTTPS": "127.0.0.1:0", "BIMODAL_TLS_DEV": "true"}).start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def places(daemon, tmp_path_factory):
    """{function: (its host, its URL)}, deployed by the official client."""
    urls = daemon.deploy(write(tmp_path_factory.mktemp("two"), APP))
    found = {name: next(url for url in urls if f"-{name}." in url) for name in ("site", "other")}
    assert daemon.get(found["site"] + "/scope").json()["http_version"] == "1.1"
    return {name: (urlsplit(url).netloc, url) for name, url in found.items()}


@pytest.fixture(scope="module")
def address(daemon):
    host, _, port = daemon.info["web"].rpartition(":")
    return host, int(port)


@pytest.fixture
def caller(address):
    with Http2(address) as one:
        yield one


def test_an_application_is_told_of_http_2(places, caller):
    host, _ = places["site"]
    head = [("cookie", "a=1"), ("cookie", "b=2"), ("x-mine", "yes"), ("te", "trailers")]
    status, body = caller.answer(caller.request(host, "/scope?q=1", headers=head))
    scope = json.loads(body)
    assert status == 200
    assert (scope["http_version"], scope["method"], scope["scheme"], scope["query"]) == ("2", "GET", "http", "q=1")
    assert scope["headers"]["host"] == host
    assert scope["headers"]["cookie"] == "a=1; b=2"
    assert scope["headers"]["x-mine"] == "yes"
    assert scope["client"] == "127.0.0.1"


def test_curl_speaks_it_by_prior_knowledge(places, address, tmp_path):
    url = f"http://{places['site'][0]}"
    big = tmp_path / "big"
    big.write_bytes(b"0123456789abcdef" * (1 << 20))
    curl = ["curl", "-sS", "--http2-prior-knowledge", "--connect-to", f"::{address[0]}:{address[1]}"]
    shown = subprocess.run(
        [*curl, "-w", "%{http_version}", f"{url}/scope"], capture_output=True, check=True, timeout=60
    )
    assert shown.stdout.endswith(b"2")
    told = subprocess.run(
        [*curl, "--data-binary", f"@{big}", f"{url}/hash"], capture_output=True, check=True, timeout=120
    )
    assert json.loads(told.stdout) == {"sha256": hashlib.sha256(big.read_bytes()).hexdigest(), "size": 16 << 20}
    got = subprocess.run([*curl, f"{url}/bytes/9000000"], capture_output=True, check=True, timeout=120)
    assert got.stdout == b"b" * 9000000


def test_h2load_gets_every_answer_and_they_are_counted(places, daemon, address):
    host, _ = places["site"]

    def counted() -> int:
        return sum(each["requests"] for each in daemon.status()["functions"] if each["function"] == "site")

    before = counted()
    load = ["h2load", "-n", "2000", "-c", "4", "-m", "16", "-H", f":authority: {host}"]
    told = subprocess.run(
        [*load, f"http://{address[0]}:{address[1]}/bytes/10"], capture_output=True, check=True, timeout=120, text=True
    )
    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in told.stdout
    assert "status codes: 2000 2xx" in told.stdout
    eventually(lambda: counted() == before + 2000, 10, "all of them are counted")


def test_requests_run_side_by_side_on_one_connection(places, caller):
    """Events come as they are made; a body that stays away and a response that isn't read hold up nobody else."""
    host, _ = places["site"]
    stalled = caller.request(host, "/hash", "POST", ends=False)
    caller.send(stalled, b"x" * 1000)
    events = caller.request(host, "/events/a")
    caller.until(lambda: caller.bodies[events] == b"data: one\n\n")
    assert caller.answer(caller.request(host, "/open/a", "POST"))[0] == 200
    assert caller.answer(events) == (200, b"data: one\n\ndata: two\n\n")
    caller.send(stalled, b"y" * 500_000, ends=True)
    assert json.loads(caller.answer(stalled)[1])["size"] == 501_000


def test_errors_are_answered_as_over_http_1(places, caller):
    host, _ = places["site"]
    assert caller.answer(caller.request(host, "/fail"))[0] == 500
    nowhere = caller.request("nowhere.localhost", "/")
    assert caller.answer(nowhere)[0] == 404
    assert caller.heads[nowhere]["bimodal-error"] == "unknown-host"
    late = caller.request(host, "/hash", "POST", [("content-length", str(5 << 30))], ends=False)
    assert caller.answer(late)[0] == 413
    assert caller.answer(caller.request(host, "/scope"))[0] == 200


def test_a_request_that_is_reset_reaches_the_application_no_more(places, caller):
    host, _ = places["site"]
    for _ in range(50):
        caller.reset(caller.request(host, "/events/never"))
    assert caller.answer(caller.request(host, "/scope"))[0] == 200
    assert caller.goaways == []


def frames(*texts: str) -> bytes:
    """Masked text frames, with a key of zeros."""
    return b"".join(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text.encode() for text in texts)


def read(tunnel: Tunnel) -> bytes:
    first, size = tunnel.recv(1), tunnel.recv(1)[0]
    assert first in (b"\x81", b"\x82", b"\x88") and size < 126
    data = b""
    while len(data) < size:
        data += tunnel.recv(size - len(data))
    return data


def test_a_websocket_is_a_stream(places, address):
    host, _ = places["site"]
    tunnel = Tunnel(address, host, "/echo")
    assert "sec-websocket-accept" not in tunnel.headers
    assert json.loads(read(tunnel)) == {"version": "2", "type": "websocket"}
    tunnel.sendall(frames("one", "two"))
    assert (read(tunnel), read(tunnel)) == (b"one", b"two")
    tunnel.sendall(bytes([0x88, 0x82]) + bytes(4) + (1000).to_bytes(2, "big"))
    assert read(tunnel) == (1000).to_bytes(2, "big")
    assert tunnel.recv(1) == b""
    tunnel.close()


def test_a_websocket_reaches_a_server_of_ones_own(places, address, daemon):
    host, url = places["other"]
    eventually(lambda: daemon.get(url).status_code == 426, 60, "the server listens")  # it speaks nothing else
    tunnel = Tunnel(address, host, "/path?x=1")
    assert read(tunnel) == b"websocket /path?x=1"
    tunnel.sendall(frames("to and fro"))
    assert read(tunnel) == b"to and fro"
    tunnel.close()


def test_over_tls_it_is_agreed_on(places, daemon):
    host, url = places["site"]
    port, trust = int(daemon.info["https"].rpartition(":")[2]), daemon.info["authority_file"]
    curl = [
        "curl",
        "-sS",
        "--http2",
        "--cacert",
        trust,
        "--connect-to",
        f"::127.0.0.1:{port}",
        "-w",
        "\n%{http_version}",
    ]
    shown = subprocess.run([*curl, f"{url}/scope"], capture_output=True, check=True, timeout=60, text=True).stdout
    scope, version = shown.splitlines()
    assert (version, json.loads(scope)["http_version"], json.loads(scope)["scheme"]) == ("2", "2", "https")
    tunnel = Tunnel(("127.0.0.1", port), host, "/echo", trust=trust)
    assert json.loads(read(tunnel)) == {"version": "2", "type": "websocket"}
    tunnel.sendall(frames("sealed"))
    assert read(tunnel) == b"sealed"
    tunnel.close()


def test_a_refused_websocket_is_an_answer(places, caller):
    host, _ = places["site"]
    assert caller.answer(caller.connect(host, "/nothing"))[0] == 403
    assert caller.answer(caller.request(host, "/scope"))[0] == 200


def test_a_daemon_that_goes_says_so(fresh_daemon):
    daemon = fresh_daemon()
    host, _, port = daemon.info["web"].rpartition(":")
    with Http2((host, int(port))) as caller:
        assert caller.answer(caller.request("localhost", "/"))[0] == 200
        daemon.stop()
        caller.until(lambda: caller.closed)
        assert caller.goaways and set(caller.goaways) == {0}
