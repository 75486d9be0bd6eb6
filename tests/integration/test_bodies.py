"""Large bodies pass in a stream: memory of daemon and container stays flat."""

import gzip
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.apps import write
from support.waiting import eventually

GIB = 1 << 30
CHUNK = bytes(1 << 20)
DAEMON_LIMIT_KB = 150 * 1024
CONTAINER_GROWTH_KB = 64 * 1024

APP = """
import modal

app = modal.App("bodies")


def peak_kb():
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0])


@app.function()
@modal.concurrent(max_inputs=4)
@modal.asgi_app()
def api():
    import os
    import zlib

    from fastapi import FastAPI, File, Form, Request, UploadFile
    from fastapi.responses import FileResponse, StreamingResponse
    from starlette.middleware.gzip import GZipMiddleware

    web_app = FastAPI()

    async def trailers(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
        await send({"type": "http.response.body", "body": b"summed"})
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True})
        await send({"type": "http.response.trailers", "headers": [(b"x-rows", b"2")]})

    web_app.mount("/trailers", trailers)
    zipped = FastAPI()
    zipped.get("/text")(lambda: "word " * 10_000)
    zipped.add_middleware(GZipMiddleware)
    web_app.mount("/zipped", zipped)

    @web_app.get("/peak")
    async def peak():
        return peak_kb()

    @web_app.post("/count")
    async def count(request: Request):
        total = 0
        async for chunk in request.stream():
            total += len(chunk)
        return total

    @web_app.get("/endless")
    async def endless():
        async def chunks():
            while True:
                yield bytes(1 << 20)

        return StreamingResponse(chunks(), media_type="application/octet-stream")

    @web_app.get("/file")
    async def file():
        path = "/tmp/letters"
        with open(path, "wb") as out:
            out.write(b"abcdefghij" * 100_000)
        return FileResponse(path)

    @web_app.get("/sparse")
    async def sparse(size: int):
        with open("/tmp/sparse", "wb") as out:
            out.truncate(size)
        return FileResponse("/tmp/sparse")

    @web_app.get("/open")
    async def open_files():
        return sum(os.path.realpath(f"/proc/self/fd/{each}") == "/tmp/sparse" for each in os.listdir("/proc/self/fd"))

    @web_app.post("/form")
    async def form(upload: UploadFile = File(), note: str = Form()):
        content = await upload.read()
        return {"name": upload.filename, "size": len(content), "sum": sum(content), "note": note}

    @web_app.post("/encoded")
    async def encoded(request: Request):
        body = await request.body()
        return {"encoding": request.headers["content-encoding"], "text": zlib.decompress(body, 47).decode()}

    @web_app.get("/zeros")
    async def zeros(count: int):
        async def chunks():
            for _ in range(count >> 20):
                yield bytes(1 << 20)

        return StreamingResponse(chunks(), media_type="application/octet-stream")

    return web_app
"""


@pytest.fixture(scope="module")
def url(daemon, tmp_path_factory):
    (url,) = daemon.deploy(write(tmp_path_factory.mktemp("bodies"), APP))
    daemon.get(url + "/peak")
    return url


def peak_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0])


def test_a_gibibyte_posted_arrives_whole_in_flat_memory(daemon, url):
    before = daemon.get(url + "/peak").json()
    body = (CHUNK for _ in range(GIB // len(CHUNK)))
    assert daemon.post(url + "/count", content=body).json() == GIB
    assert daemon.get(url + "/peak").json() - before < CONTAINER_GROWTH_KB
    assert peak_of(daemon.info["pid"]) < DAEMON_LIMIT_KB


def test_a_gibibyte_answered_arrives_whole_in_flat_memory(daemon, url):
    before = daemon.get(url + "/peak").json()
    total = 0
    with daemon.web.stream("GET", url + "/zeros", params={"count": GIB}) as answer:
        assert answer.status_code == 200
        for chunk in answer.iter_raw():
            total += len(chunk)
    assert total == GIB
    assert daemon.get(url + "/peak").json() - before < CONTAINER_GROWTH_KB
    assert peak_of(daemon.info["pid"]) < DAEMON_LIMIT_KB


def test_an_endless_answer_is_flat_in_memory_and_ends_with_its_caller(daemon, url):
    before = daemon.get(url + "/peak").json()
    total = 0
    with daemon.web.stream("GET", url + "/endless") as answer:
        chunks = answer.iter_raw()
        while total < GIB // 2:
            total += len(next(chunks))
    assert daemon.get(url + "/peak").json() - before < CONTAINER_GROWTH_KB
    assert peak_of(daemon.info["pid"]) < DAEMON_LIMIT_KB


def test_four_gibibytes_posted_arrive_whole_in_flat_memory(daemon, url):
    before = daemon.get(url + "/peak").json()
    body = (CHUNK for _ in range(4 * GIB // len(CHUNK)))
    answer = daemon.post(url + "/count", content=body, headers={"Content-Length": str(4 * GIB)})
    assert answer.json() == 4 * GIB
    assert daemon.get(url + "/peak").json() - before < CONTAINER_GROWTH_KB
    assert peak_of(daemon.info["pid"]) < DAEMON_LIMIT_KB


def test_more_than_four_gibibytes_are_refused_before_they_are_sent(daemon, url):
    answer = raw(daemon, url, f"POST /count HTTP/1.1\r\nContent-Length: {4 * GIB + 1}\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ") and b"\r\nbimodal-error: body-too-large\r\n" in answer


def raw(daemon, url, head: str) -> bytes:
    """All that comes for a head without a body, until the daemon closes."""
    port = int(daemon.info["web"].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), 60) as caller:
        caller.sendall(f"{head}Host: {urlsplit(url).netloc}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: caller.recv(65536), b""))


def test_trailers_come_behind_the_chunks(daemon, url):
    answer = raw(daemon, url, "GET /trailers/ HTTP/1.1\r\nTE: trailers\r\n")
    assert answer.endswith(b"6\r\nsummed\r\n0\r\nx-sum: 1\r\nx-rows: 2\r\n\r\n")


def test_ranges_of_a_file_are_answered(daemon, url):
    whole = daemon.get(url + "/file")
    assert len(whole.content) == 1_000_000 and whole.headers["accept-ranges"] == "bytes"
    part = daemon.get(url + "/file", headers={"Range": "bytes=5-14"})
    assert (part.status_code, part.content) == (206, b"fghijabcde")
    assert part.headers["content-range"] == "bytes 5-14/1000000"
    assert daemon.get(url + "/file", headers={"Range": "bytes=-3"}).content == b"hij"
    assert daemon.get(url + "/file", headers={"Range": "bytes=2000000-"}).status_code == 416
    head = daemon.web.request("HEAD", url + "/file")
    assert head.status_code in (200, 405) and head.content == b""


def test_a_huge_file_is_sent_in_flat_memory_and_closed_with_its_caller(daemon, url):
    before = daemon.get(url + "/peak").json()
    with daemon.web.stream("GET", url + "/sparse", params={"size": GIB}) as answer:
        assert int(answer.headers["content-length"]) == GIB
        assert sum(len(chunk) for chunk in answer.iter_raw()) == GIB
    with daemon.web.stream("GET", url + "/sparse", params={"size": GIB}) as answer:
        chunks = answer.iter_raw()
        next(chunks)
        assert daemon.get(url + "/open").json() == 1
    eventually(lambda: daemon.get(url + "/open").json() == 0, 10, "the file is closed")
    assert daemon.get(url + "/peak").json() - before < CONTAINER_GROWTH_KB


def test_a_multipart_form_with_a_file_arrives(daemon, url):
    content = bytes(range(256)) * 40_000
    answer = daemon.post(url + "/form", files={"upload": ("f.bin", content)}, data={"note": "grüß"})
    assert answer.json() == {"name": "f.bin", "size": len(content), "sum": sum(content), "note": "grüß"}


def test_compressed_bodies_pass_as_they_are(daemon, url):
    body = gzip.compress(b"word " * 1000)
    answer = daemon.post(url + "/encoded", content=body, headers={"Content-Encoding": "gzip"})
    assert answer.json() == {"encoding": "gzip", "text": "word " * 1000}
    zipped = daemon.get(url + "/zipped/text", headers={"Accept-Encoding": "gzip"})
    assert zipped.headers["content-encoding"] == "gzip" and zipped.json() == "word " * 10_000


def test_a_body_with_a_length_arrives_whole(daemon, url):
    for size in (0, 1, 65_535, 65_536, 65_537, 10 << 20):
        assert daemon.post(url + "/count", content=bytes(size)).json() == size


def test_a_caller_that_goes_away_frees_its_slot(daemon, url):
    for _ in range(8):
        with daemon.web.stream("GET", url + "/zeros", params={"count": GIB}) as answer:
            next(answer.iter_raw())
    assert daemon.post(url + "/count", content=b"abc").json() == 3


def test_a_body_over_the_limit_is_refused_with_the_setting(fresh_daemon, tmp_path):
    daemon = fresh_daemon({"BIMODAL_MAX_BODY": "1MiB"})
    (url,) = daemon.deploy(write(tmp_path, APP))
    assert daemon.post(url + "/count", content=bytes(1 << 20)).status_code == 200
    answer = daemon.post(url + "/count", content=bytes((1 << 20) + 1))
    assert answer.status_code == 413
    assert answer.text.startswith("modal-http: ")
