"""Large bodies pass in a stream: memory of daemon and container stays flat."""

from pathlib import Path

import pytest
from support.apps import write

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
    from fastapi import FastAPI, Request
    from fastapi.responses import StreamingResponse

    web_app = FastAPI()

    @web_app.get("/peak")
    async def peak():
        return peak_kb()

    @web_app.post("/count")
    async def count(request: Request):
        total = 0
        async for chunk in request.stream():
            total += len(chunk)
        return total

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
