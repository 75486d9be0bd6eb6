"""TLS: who is let in, what apps see of it, and what it costs nobody else."""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.apps import write
from support.daemon import Daemon
from support.tls import Authority, Connection, ask, connect, trusting
from support.waiting import eventually
from websockets.sync.client import connect as open_websocket

APP = """
import asyncio

import modal
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse

app = modal.App("secure")
web = FastAPI()


@web.get("/")
async def about(request: Request):
    return {"scheme": request.scope["scheme"], "server": request.scope["server"][1], "url": serve.get_web_url()}


@web.post("/size")
async def size(request: Request):
    size = 0
    async for part in request.stream():
        size += len(part)
    return size


@web.get("/big")
async def big(mib: int):
    async def parts():
        for _ in range(mib * 16):
            yield b"x" * 65536

    return StreamingResponse(parts())


@web.websocket("/echo")
async def echo(socket: WebSocket):
    await socket.accept()
    await socket.send_text(socket.scope["scheme"])
    while True:
        await socket.send_text(await socket.receive_text())


@app.function()
@modal.concurrent(max_inputs=100)
@modal.asgi_app()
def serve():
    return web


@app.function()
@modal.wsgi_app()
def old():
    def answer(environ, start_response):
        start_response("200 OK", [("content-type", "text/plain")])
        return [environ["wsgi.url_scheme"].encode()]

    return answer


@app.function()
@modal.web_server(8000)
def other():
    import subprocess

    code = '''
import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.headers["x-forwarded-proto"].encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Answer).serve_forever()
'''
    subprocess.Popen(["python", "-c", code])
"""
MIB = 1 << 20


class Secure:
    """A daemon with certificates for *.edge.test in files, for localhost by its development CA, and the app."""

    def __init__(self, folder: Path):
        self.authority = Authority(folder)
        certificate, key = self.authority.issue("edge", "*.edge.test")
        self.daemon = Daemon(
            {
                "BIMODAL_HTTPS": "127.0.0.1:0",
                "BIMODAL_TLS_CERT": str(certificate),
                "BIMODAL_TLS_KEY": str(key),
                "BIMODAL_TLS_DEV": "true",
                "BIMODAL_BASE_DOMAIN": "edge.test",
                "BIMODAL_HEAD_TIMEOUT": "6s",
            }
        ).start()
        self.urls = self.daemon.deploy(write(folder, APP, "secure"))
        self.url = next(url for url in self.urls if "serve" in url)
        self.port = int(self.daemon.info["https"].rpartition(":")[2])
        self.context = trusting(self.authority.file)

    @property
    def name(self) -> str:
        return urlsplit(self.url).hostname

    def ask(self, path: str = "/", **options) -> tuple:
        return ask(self.port, self.name, self.context, path, **options)

    def metric(self, outcome: str) -> float:
        page = self.daemon_page()
        found = [line for line in page.splitlines() if f'outcome="{outcome}"' in line and "tls_handshakes" in line]
        return sum(float(line.rpartition(" ")[2]) for line in found)

    def daemon_page(self) -> str:
        host, _, port = self.daemon.info["admin"].rpartition(":")
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return b"".join(iter(lambda: raw.recv(65536), b"")).decode()

    def peak_mib(self) -> float:
        status = Path(f"/proc/{self.daemon.info['pid']}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@pytest.fixture(scope="module")
def secure():
    with tempfile.TemporaryDirectory(prefix="bm-tls-") as folder:
        running = Secure(Path(folder))
        yield running
        running.daemon.close()


def test_urls_are_https_and_every_kind_of_app_sees_it(secure):
    assert all(url.startswith("https://local--secure-") and url.endswith(f":{secure.port}") for url in secure.urls)
    answers = {}
    for url in secure.urls:
        name = urlsplit(url).hostname
        done = subprocess.run(
            ["curl", "-sS", "--cacert", secure.authority.file, "--resolve", f"{name}:{secure.port}:127.0.0.1", url],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        answers[name.split("-")[-1].split(".")[0]] = done.stdout
    words = ["curl", "-sS", "--http2", "--cacert", secure.authority.file, "-w", "%{http_version}", "-o", "/dev/null"]
    words += ["--resolve", f"{secure.name}:{secure.port}:127.0.0.1", secure.url]
    assert subprocess.run(words, capture_output=True, text=True).stdout == "2"
    assert answers["old"] == "https" and answers["other"] == "https"
    assert json.loads(answers["serve"]) == {"scheme": "https", "server": secure.port, "url": secure.url}
    assert secure.daemon.get(secure.url).json()["scheme"] == "http", "callers of this host are still served without TLS"


def test_websockets_are_secure_too(secure):
    uri = f"wss://{secure.name}:{secure.port}/echo"
    with open_websocket(uri, ssl=secure.context, sock=socket.create_connection(("127.0.0.1", secure.port))) as spoken:
        assert spoken.recv() == "wss"
        for text in ("short", "long" * 100_000):
            spoken.send(text)
            assert spoken.recv() == text


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(secure, version):
    secure.context.minimum_version = secure.context.maximum_version = version
    try:
        session = None
        for expected in (False, True, True):
            connection = Connection(secure.port, secure.name, secure.context, session=session)
            connection.request("GET", "/")
            sock = connection.sock
            assert connection.getresponse().read()
            assert sock.session_reused is expected
            session = sock.session
            connection.close()
    finally:
        secure.context.minimum_version = ssl.TLSVersion.TLSv1_2
        secure.context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED


def test_only_what_is_safe_is_agreed_on(secure):
    def agreed(configure) -> tuple | None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(secure.authority.file)
        configure(context)
        try:
            with connect(secure.port, secure.name, context) as sock:
                return sock.cipher()
        except (ssl.SSLError, ConnectionError):
            return None

    def only(version, ciphers):
        def configure(context):
            context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version

        return configure

    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        assert agreed(only(version, "ALL")) is None
    listed = subprocess.run(
        ["openssl", "ciphers", "-s", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True, text=True
    ).stdout.strip()
    good = set()
    for cipher in listed.split(":"):
        if found := agreed(only(ssl.TLSVersion.TLSv1_2, cipher)):
            good.add(found[0])
    assert good == {
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    }, "an RSA certificate has the same three"
    assert agreed(lambda context: None)[1] == "TLSv1.3"


def test_names_and_protocols_that_arent_served_are_refused_by_name(secure):
    with pytest.raises(ssl.SSLError, match="(?i)unrecognized.name"):
        connect(secure.port, "somewhere.example", secure.context)
    context = trusting(secure.authority.file)
    context.set_alpn_protocols(["smtp"])
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        connect(secure.port, secure.name, context)


def test_the_development_ca_answers_for_this_host(secure):
    up = secure.daemon.info["authority_file"]
    assert os.stat(up).st_mode & 0o777 == 0o600 and os.stat(Path(up).with_name("ca.key")).st_mode & 0o777 == 0o600
    context = trusting(up)
    for name in ("localhost", "127.0.0.1"):
        with connect(secure.port, name, context) as sock:
            certificate = sock.getpeercert()
    life = ssl.cert_time_to_seconds(certificate["notAfter"]) - ssl.cert_time_to_seconds(certificate["notBefore"])
    assert life <= 398 * 86400


def test_long_bodies_go_both_ways_at_flat_memory(secure):
    def parts(count):
        for _ in range(count):
            yield b"x" * 65536

    before = secure.peak_mib()
    assert secure.ask("/size", method="POST", body=parts(16 * 64)) == (200, str(64 * MIB).encode())
    connection = Connection(secure.port, secure.name, secure.context)
    connection.request("GET", "/big?mib=64")
    answer = connection.getresponse()
    time.sleep(0.5)  # nobody reads meanwhile
    size = sum(len(part) for part in iter(lambda: answer.read(MIB), b""))
    connection.close()
    assert size == 64 * MIB
    assert secure.peak_mib() - before < 24


def test_silence_and_garbage_end_and_disturb_nobody(secure):
    failed = secure.metric("failed")
    silent = socket.create_connection(("127.0.0.1", secure.port), timeout=30)
    began = time.monotonic()
    for garbage in (
        b"\x16\x03\x01\xff\xff",
        b"\x00" * 600,
        os.urandom(5000),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ):
        with socket.create_connection(("127.0.0.1", secure.port)) as raw:
            with contextlib.suppress(ConnectionError):
                raw.sendall(garbage)
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(4096):
                    pass
    with socket.create_connection(("127.0.0.1", secure.port)) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        told = b"".join(iter(lambda: raw.recv(4096), b""))
    assert told.startswith(b"HTTP/1.1 400 ") and b"https://" in told
    assert secure.ask()[0] == 200
    assert silent.recv(10) == b"", "a handshake must be done within head_timeout"
    assert 4 < time.monotonic() - began < 20
    silent.close()
    eventually(lambda: secure.metric("failed") - failed == 6, 10, "six failures")


def test_a_caller_that_ends_its_side_early_frees_its_request(secure):
    sock = connect(secure.port, secure.name, secure.context)
    sock.sendall(f"GET /big?mib=2000 HTTP/1.1\r\nHost: {secure.name}\r\n\r\n".encode())
    assert sock.recv(100).startswith(b"HTTP/1.1 200")
    sock.close()
    eventually(
        lambda: 'http_server_active_requests{environment="main",app="secure",function="serve"} 0'
        in secure.daemon_page(),
        20,
        "the end of its request",
    )


def test_certificates_are_exchanged_under_load_without_a_failed_request(secure):
    failures, count, over = [], 0, threading.Event()

    def load(keep: bool) -> None:
        nonlocal count
        kept = Connection(secure.port, secure.name, secure.context)
        while not over.is_set():
            try:
                if keep:
                    kept.request("GET", "/")
                    assert kept.getresponse().read()
                else:
                    assert secure.ask()[0] == 200
                count += 1
            except Exception as why:
                failures.append(repr(why))
        kept.close()

    def serial() -> str:
        with connect(secure.port, secure.name, secure.context) as sock:
            return sock.getpeercert()["serialNumber"]

    callers = [threading.Thread(target=load, args=[keep]) for keep in (True, False)]
    for caller in callers:
        caller.start()
    try:
        first = serial()
        secure.authority.issue("edge", "*.edge.test")
        eventually(lambda: serial() != first, 15, "the new certificate")
        second = serial()
        secure.authority.issue("edge", "*.edge.test")
        os.kill(secure.daemon.info["pid"], signal.SIGHUP)
        eventually(lambda: serial() != second, 15, "the newer certificate")
        third = serial()
        certificate = secure.authority.folder / "edge.pem"
        good = certificate.read_text()
        certificate.write_text("half of it")
        eventually(lambda: "the one before goes on being shown" in secure.daemon.log(), 15, "the complaint")
        assert serial() == third
        certificate.write_text(good)
    finally:
        over.set()
        for caller in callers:
            caller.join()
    assert not failures and count > 20, (count, failures[:3])


def own_address() -> str:
    """One of this host's that isn't loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]


def test_an_upgrade_keeps_the_port_and_the_sessions(fresh_daemon, scripts):
    daemon = fresh_daemon({"BIMODAL_HTTPS": "0.0.0.0:0", "BIMODAL_TLS_DEV": "true", "BIMODAL_WEB": "0.0.0.0:0"})
    url = next(url for url in daemon.deploy(write(scripts, APP, "secure")) if "serve" in url)
    name, port = urlsplit(url).hostname, urlsplit(url).port
    context = trusting(daemon.info["authority_file"])
    assert ask(port, name, context)[0] == 200
    failures, over = [], threading.Event()

    def load() -> None:
        while not over.is_set():
            try:
                assert ask(port, name, context)[0] == 200
            except Exception as why:
                failures.append(repr(why))

    before = Connection(port, name, context)
    before.request("GET", "/")
    before.getresponse().read()
    session = before.sock.session
    caller = threading.Thread(target=load)
    caller.start()
    daemon.replace()
    over.set()
    caller.join()
    assert not failures, failures[:3]
    after = Connection(port, name, context, session=session)
    after.connect()
    assert after.sock.session_reused
    after.close(), before.close()
    web = int(daemon.info["web"].rpartition(":")[2])
    with socket.create_connection((own_address(), web)) as raw:
        raw.sendall(f"GET /x?y=1 HTTP/1.1\r\nHost: {name}:{web}\r\nConnection: close\r\n\r\n".encode())
        told = b"".join(iter(lambda: raw.recv(4096), b"")).decode()
    assert told.startswith("HTTP/1.1 308 ") and f"location: https://{name}:{port}/x?y=1\r\n" in told.lower()
