"""@modal.web_server: HTTP servers of every kind behind the gateway, and what they may do wrong."""

import http.client
import socket
import threading
from urllib.parse import urlsplit

import pytest
from support.apps import write
from support.waiting import eventually

# Each server is written in the script: no image needs to be built for them.
APP = """
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

import modal

app = modal.App("servers")


@app.function()
@modal.concurrent(max_inputs=10)
@modal.web_server(8000)
def files():
    subprocess.Popen("python -m http.server -d /etc 8000", shell=True)


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/stream":
            return self.stream()
        if self.headers.get("Upgrade"):
            return self.switch()
        if self.path == "/die":
            self.close_connection = True
            threading.Thread(target=lambda: (self.server.shutdown(), self.server.server_close())).start()
        body = "\\n".join(f"{name.lower()}: {value}" for name, value in self.headers.items()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Port", str(self.client_address[1]))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def stream(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(100):
            part = str(number).encode() * 20000
            self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(part), part))
        self.wfile.write(b"0\\r\\n\\r\\n")

    def switch(self):
        self.send_response(101)
        self.send_header("Connection", "upgrade")
        self.send_header("Upgrade", self.headers["Upgrade"])
        self.send_header("Sec-WebSocket-Protocol", self.headers["Sec-WebSocket-Protocol"])
        self.end_headers()
        self.close_connection = True
        while part := self.connection.recv(65536):
            self.wfile.write(part.upper())
            if b"bye" in part:
                break

    def do_POST(self):
        size = 0
        if self.headers.get("Transfer-Encoding") == "chunked":
            while length := int(self.rfile.readline(), 16):
                size += len(self.rfile.read(length))
                self.rfile.readline()
            self.rfile.readline()
        else:
            size = len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(size).encode())
        self.close_connection = True

    def log_message(self, *words):
        pass


def serve_in_thread(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()


@app.cls()
@modal.concurrent(max_inputs=10)
class Both:
    @modal.web_server(8001)
    def threads(self):
        serve_in_thread(ThreadingHTTPServer(("0.0.0.0", 8001), Echo))

    @modal.web_server(8002)
    def single(self):
        serve_in_thread(HTTPServer(("0.0.0.0", 8002), Echo))


RAW = {
    "/two-lengths": b"HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\nContent-Length: 2\\r\\n\\r\\nab",
    "/both": b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n",
    "/gzip": b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: gzip\\r\\n\\r\\n",
    "/switch": b"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: x\\r\\n\\r\\n",
    "/banner": b"SSH-2.0-OpenSSH_9.2\\r\\n\\r\\n",
    "/nothing": b"",
    "/early-hints": b"HTTP/1.1 103 Early Hints\\r\\nLink: x\\r\\n\\r\\nHTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok",
    "/more": b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nokHTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\nevil",
    "/until-close": b"HTTP/1.0 200 OK\\r\\n\\r\\nto the end",
    "/trailers": b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\nTrailer: X-Sum\\r\\n\\r\\n"
    b"2\\r\\nok\\r\\n0\\r\\nX-Sum: 7\\r\\nContent-Length: 3\\r\\n\\r\\n",
    "/cut": b"HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nhalf",
}


@app.function()
@modal.concurrent(max_inputs=10)
@modal.web_server(8000)
def raw():
    listener = socket.create_server(("0.0.0.0", 8000))

    def answer(connection):
        with connection:
            request = connection.recv(65536)
            if request.startswith(b"GET /seen "):
                connection.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + request)
            elif request:
                connection.sendall(RAW[request.split()[1].decode()])

    def accept():
        while True:
            threading.Thread(target=answer, args=[listener.accept()[0]], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


class Hungry(Echo):
    def do_GET(self):
        held = [bytearray(os.urandom(1)) * (16 << 20) for _ in range(64)]
        super().do_GET()


@app.function(memory=(128, 256))
@modal.web_server(8000)
def hungry():
    serve_in_thread(ThreadingHTTPServer(("0.0.0.0", 8000), Hungry))


@app.function()
@modal.web_server(8000, startup_timeout=1)
def loopback():
    serve_in_thread(HTTPServer(("127.0.0.1", 8000), Echo))


@app.function()
@modal.web_server(8000, startup_timeout=1)
def silent():
    pass
"""


@pytest.fixture(scope="module")
def urls(daemon, tmp_path_factory):
    urls = daemon.deploy(write(tmp_path_factory.mktemp("servers"), APP))
    return {urlsplit(url).hostname.split(".")[0].split("--servers-")[1]: url for url in urls}


def test_python_http_server_as_in_the_examples(daemon, urls):
    answer = daemon.get(urls["files"] + "/passwd")
    assert answer.status_code == 200 and answer.text.startswith("root:")
    assert answer.headers["server"].startswith("SimpleHTTP")
    assert daemon.get(urls["files"] + "/missing").status_code == 404


def test_the_server_sees_the_caller_and_not_what_it_claims(daemon, urls):
    claims = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "gopher", "Modal-Secret": "s", "X-Own": "1"}
    seen = dict(line.split(": ", 1) for line in daemon.get(urls["both-threads"], headers=claims).text.splitlines())
    assert (seen["x-forwarded-for"], seen["x-forwarded-proto"], seen["x-own"]) == ("127.0.0.1", "http", "1")
    assert seen["host"] == urlsplit(urls["both-threads"]).netloc
    assert "modal-secret" not in seen


def test_connections_are_kept_for_requests_one_after_the_other(daemon, urls):
    ports = {daemon.get(urls["both-threads"]).headers["x-port"] for _ in range(3)}
    assert len(ports) == 1
    assert daemon.web.request("HEAD", urls["both-threads"]).headers["x-port"] in ports


def test_a_server_of_one_connection_at_a_time_serves_many_callers(daemon, urls):
    statuses = []

    def call(number):
        for _ in range(5):
            if number % 2:
                statuses.append(daemon.get(urls["both-single"]).status_code)
            else:
                statuses.append(daemon.post(urls["both-single"], content=b"x").status_code)

    callers = [threading.Thread(target=call, args=[number]) for number in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert statuses == [200] * 30


def test_bodies_stream_both_ways(daemon, urls):
    def chunks():
        for _ in range(40):
            yield bytes(100_000)

    assert daemon.post(urls["both-threads"], content=chunks()).text == "4000000"
    assert daemon.post(urls["both-threads"], content=bytes(3_000_000)).text == "3000000"
    streamed = daemon.get(urls["both-threads"] + "/stream").text
    assert len(streamed) == 20000 * (10 + 2 * 90) and streamed.endswith("99")


@pytest.mark.parametrize(
    "path, reason",
    [
        ("/two-lengths", "several Content-Length headers"),
        ("/both", "an ambiguous Transfer-Encoding"),
        ("/gzip", "a Transfer-Encoding other than chunked"),
        ("/switch", "it switches protocols unasked"),
        ("/banner", "a malformed response head"),
        ("/nothing", "it closed the connection without a response"),
    ],
)
def test_an_answer_that_breaks_http_is_a_502_with_its_reason(daemon, urls, path, reason):
    answer = daemon.get(urls["raw"] + path)
    assert answer.status_code == 502 and answer.text.endswith(reason)
    assert answer.headers["bimodal-error"] == "bad-answer"


def test_informational_heads_and_bodies_until_the_end_are_understood(daemon, urls):
    assert daemon.get(urls["raw"] + "/early-hints").text == "ok"
    assert daemon.get(urls["raw"] + "/until-close").text == "to the end"


def test_what_follows_a_response_is_never_the_next_one(daemon, urls):
    for _ in range(3):
        assert daemon.get(urls["raw"] + "/more").text == "ok"


def test_trailers_reach_a_caller_who_takes_them(urls):
    parts = urlsplit(urls["raw"])

    def answer(path: str, *fields: str) -> bytes:
        head = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close", *fields, "", ""]
        with socket.create_connection(("127.0.0.1", parts.port), timeout=20) as caller:
            caller.sendall("\r\n".join(head).encode())
            return caller.makefile("rb").read()

    taken = answer("/trailers", "TE: gzip;q=0.5, Trailers")
    assert taken.endswith(b"2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n"), taken
    assert answer("/trailers").endswith(b"2\r\nok\r\n0\r\n\r\n")
    seen = answer("/seen", "TE: gzip;q=0.5, Trailers").lower()
    assert b"\r\nte: trailers\r\n" in seen and b"\r\nconnection: te\r\n" in seen and b"gzip" not in seen
    assert b"\r\nte:" not in answer("/seen").lower()


def test_a_server_without_memory_is_told_apart_from_one_that_hangs_up(daemon, urls):
    answer = daemon.get(urls["hungry"])
    assert answer.status_code == 500 and answer.text.endswith("(out of memory)"), answer.text


def test_a_response_that_is_cut_off_is_incomplete_for_the_caller_too(daemon, urls):
    parts = urlsplit(urls["raw"])
    connection = http.client.HTTPConnection("127.0.0.1", parts.port)
    connection.request("GET", "/cut", headers={"Host": parts.netloc})
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()
    connection.close()


def test_an_upgrade_is_a_tunnel_until_either_side_closes(urls):
    parts = urlsplit(urls["both-threads"])
    with socket.create_connection(("127.0.0.1", parts.port), timeout=20) as caller:
        head = f"GET /up HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: chat\r\n"
        caller.sendall((head + "Sec-WebSocket-Protocol: b\r\n\r\n").encode())
        answer = caller.makefile("rb")
        lines = [line.lower() for line in iter(answer.readline, b"\r\n")]
        assert lines[0].startswith(b"http/1.1 101 ")
        assert b"upgrade: chat\r\n" in lines and b"sec-websocket-protocol: b\r\n" in lines
        for _ in range(100):
            caller.sendall(b"x" * 1000)
        assert answer.read(100_000) == b"X" * 100_000
        caller.sendall(b"bye")
        assert answer.read() == b"BYE", "the server closes, and so does the gateway"


def test_a_server_that_nobody_can_reach_says_why(daemon, urls):
    answer = daemon.get(urls["loopback"])
    assert answer.status_code == 500
    assert "listens on 127.0.0.1:8000 only" in answer.text and "bind it to 0.0.0.0" in answer.text
    answer = daemon.get(urls["silent"])
    assert answer.status_code == 500 and "nothing listens on port 8000 after 1 s" in answer.text


def test_a_container_whose_server_died_is_replaced_and_no_request_lost(daemon, urls):
    url = urls["both-threads"]
    daemon.get(url)
    before = {container["task_id"] for container in daemon.containers("servers")}
    daemon.get(url + "/die")

    def is_replaced() -> bool:
        answer = daemon.get(url)
        assert answer.status_code == 200, answer.text + daemon.log()[-3000:]
        return bool({each["task_id"] for each in daemon.containers("servers")} - before)

    eventually(is_replaced, 10, "a new container")
