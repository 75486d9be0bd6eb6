"""`bimodal up --replace`: a daemon takes over from the one that runs, and nobody notices."""

import concurrent.futures
import contextlib
import os
import signal
import socket
import threading

import pytest
from support.apps import write, write_hello
from support.daemon import is_running
from support.leaks import Leaks
from support.waiting import eventually
from support.websocket import open_websocket
from websockets.exceptions import ConnectionClosed

APP = """
import asyncio
import time

import modal
from fastapi import FastAPI, WebSocket

app = modal.App("upgraded")
web = FastAPI()


@web.get("/")
async def answer(wait: float = 0, say: str = ""):
    await asyncio.sleep(wait)
    if say:
        print(say, flush=True)
    return "answer"


@web.websocket("/echo")
async def echo(socket: WebSocket):
    await socket.accept()
    while True:
        await socket.send_text(await socket.receive_text())


@app.function()
@modal.concurrent(max_inputs=50)
@modal.asgi_app()
def serve():
    return web


@app.function()
def add(a, b, wait=0.0):
    time.sleep(wait)
    print(f"the sum is {a + b}", flush=True)
    return a + b
"""

CALL = "import modal; print(modal.Function.from_name('upgraded', 'add').remote({}))"
DRAIN_S = 6  # where a test waits for its end
LONG_DRAIN_S = 60  # where what drains must be there until the test has done with it, on the slowest machine


@pytest.fixture
def upgraded(fresh_daemon, scripts, request):
    """A daemon with the app and a warm container, and the app's URL. Its drain time is the test's parameter."""
    daemon = fresh_daemon({"BIMODAL_DRAIN": f"{getattr(request, 'param', LONG_DRAIN_S)}s"})
    (url,) = daemon.deploy(write(scripts, APP, "upgraded"))
    assert daemon.get(url).json() == "answer"
    return daemon, url


def wait_for_end(pid: int) -> None:
    eventually(lambda: not is_running(pid), 30, f"end of pid {pid}")


@pytest.mark.parametrize("upgraded", [DRAIN_S], indirect=True)
def test_requests_and_websockets_live_over_an_upgrade(upgraded):
    daemon, url = upgraded
    with concurrent.futures.ThreadPoolExecutor() as threads, open_websocket(daemon, url + "/echo") as spoken:
        spoken.send("before")
        assert spoken.recv() == "before"
        long = threads.submit(daemon.get, url + "/?wait=3")
        eventually(lambda: len(daemon.containers()) == 1, 10, "the container")
        ports = daemon.info["web"], daemon.info["api"]
        before = daemon.replace()
        assert (daemon.info["web"], daemon.info["api"]) == ports
        assert is_running(before)
        spoken.send("after")
        assert spoken.recv(timeout=10) == "after"
        assert daemon.get(url).json() == "answer"
        assert long.result().json() == "answer"
        with pytest.raises(ConnectionClosed) as closed:
            spoken.recv(timeout=DRAIN_S + 10)
        assert closed.value.rcvd.code == 1012, "none is cut before its drain time, and then told to come again"
    wait_for_end(before)
    assert daemon.get(url).json() == "answer"


def test_a_connection_goes_to_the_new_daemon_between_two_requests(upgraded):
    daemon, url = upgraded
    host = url.removeprefix("http://")
    address = daemon.info["web"].rpartition(":")

    def answer_on(raw: socket.socket, request: bytes) -> bytes:
        raw.sendall(request)
        received = b""
        while not received.endswith(b'"answer"'):
            part = raw.recv(4096)
            assert part, received
            received += part
        assert received.startswith(b"HTTP/1.1 200") and b"connection: close" not in received.lower()
        return received

    request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        connect = lambda: stack.enter_context(socket.create_connection((address[0], int(address[2])), timeout=60))  # noqa: E731
        idle, halfway, busy = connect(), connect(), connect()
        for raw in (idle, halfway, busy):
            answer_on(raw, request)
        halfway.sendall(request[:9])
        busy.sendall(f"GET /?wait=2 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        before = daemon.replace()
        answer_on(idle, request)
        answer_on(halfway, request[9:])
        answer_on(busy, b"")
        wait_for_end(before)
        answer_on(idle, request)
        answer_on(busy, request)


def test_clients_go_on_over_an_upgrade(upgraded):
    daemon, url = upgraded
    with daemon.start_bimodal("app", "logs", "upgraded", "-f") as following:
        eventually(lambda: daemon.get(url + "/?say=early") and "early" in following.output, 30, "a line")
        with concurrent.futures.ThreadPoolExecutor() as threads:
            running = threads.submit(daemon.python, CALL.format("20, 22, 2"))
            eventually(lambda: len(daemon.containers()) == 2, 60, "the call's container")
            before = daemon.replace()
            assert "42" in running.result().output, running.result().output
        assert "3" in daemon.python(CALL.format("1, 2")).output
        wait_for_end(before)
        eventually(
            lambda: daemon.get(url + "/?say=late") and "late" in following.output, 30, "a line after the upgrade"
        )
    assert daemon.bimodal("app", "logs", "upgraded").output.count("the sum is 42") == 1


def test_a_new_daemon_that_cannot_start_leaves_the_old_one_serving(upgraded, scripts):
    daemon, url = upgraded
    pid = daemon.info["pid"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for setting in ("BIMODAL_WEB", "BIMODAL_API"):
            done = daemon.bimodal("up", "--replace", **{setting: address})
            assert done.status == 1 and address in done.output, done.output
    assert daemon.bimodal("up", "--replace", BIMODAL_LOG_LEVEL="loud").status != 0
    assert daemon.info["pid"] == pid and is_running(pid)
    assert daemon.get(url).json() == "answer"
    assert "3" in daemon.python(CALL.format("1, 2")).output
    (other,) = daemon.deploy(write_hello(scripts, "deployed since"))
    assert daemon.get(other).json() == "deployed since"


def test_either_daemon_may_be_killed_while_the_old_one_drains(upgraded):
    daemon, url = upgraded
    with open_websocket(daemon, url + "/echo") as spoken:
        daemon.environment["BIMODAL_WEB"] = daemon.info["web"]
        first = daemon.replace()
        os.kill(daemon.info["pid"], signal.SIGKILL)
        eventually(lambda: not daemon.running, 10, "the new one's end")
        daemon.start()
        assert daemon.get(url).json() == "answer"
        spoken.send("still there")
        assert spoken.recv(timeout=10) == "still there"
        os.kill(first, signal.SIGKILL)
    wait_for_end(first)
    assert daemon.get(url).json() == "answer"
    daemon.stop()
    Leaks(daemon.home).check()


def test_up_replace_starts_a_daemon_where_none_runs(fresh_daemon):
    daemon = fresh_daemon(start=False)
    done = daemon.bimodal("up", "--replace")
    assert done.status == 0, done.output
    daemon.stop()
    daemon.start()


@pytest.mark.parametrize("upgraded", [DRAIN_S], indirect=True)
def test_down_waits_for_the_daemon_before(upgraded):
    daemon, url = upgraded
    with open_websocket(daemon, url + "/echo"):
        before = daemon.replace()
        stopping = threading.Thread(target=daemon.stop)
        stopping.start()
        stopping.join(DRAIN_S + 60)
        assert not is_running(before)
