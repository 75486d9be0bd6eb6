"""Containers that fail are found and replaced, and callers are told: crash loops, and two ways to hang.

Start-up time-outs: test_errors.py; memory: security/test_limits.py.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.apps import write
from support.daemon import Daemon
from support.waiting import eventually

APP = """
import asyncio
import os
import signal
import time

import modal

app = modal.App("failing")


@app.function(timeout=8)
@modal.concurrent(max_inputs=10)
@modal.asgi_app()
def web():
    async def application(scope, receive, send):
        if scope["type"] != "http":
            return
        if scope["path"] == "/stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        if scope["path"] == "/block":
            time.sleep(1e6)
        if scope["path"] == "/block-later":
            asyncio.get_running_loop().call_later(0.1, time.sleep, 1e6)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": os.environ["MODAL_TASK_ID"].encode()})

    return application


@app.function()
@modal.asgi_app()
def broken():
    print("begun at", time.time(), flush=True)
    raise RuntimeError("no weights")
"""


@pytest.fixture(scope="module")
def daemon():
    settings = {"BIMODAL_HEARTBEAT_LIMIT": "5s", "BIMODAL_STALLED_AFTER": "2s", "BIMODAL_STANDBY": "0"}
    running = Daemon(settings).start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def urls(daemon, tmp_path_factory):
    web, broken = sorted(daemon.deploy(write(tmp_path_factory.mktemp("failing"), APP)), key=lambda url: "broken" in url)
    return {"web": web, "broken": broken}


def logged(daemon, text: str) -> bool:
    return text in daemon.bimodal("logs", "failing").output


def test_a_crash_loop_is_slowed_down_and_callers_are_told_at_once(daemon, urls):
    def starts() -> list[float]:
        lines = daemon.bimodal("logs", "failing").output.splitlines()
        return [float(line.rpartition("begun at ")[2]) for line in lines if "begun at" in line]

    def answers_quickly() -> bool:
        begun = time.monotonic()
        answer = daemon.get(urls["broken"])
        assert answer.status_code == 500
        assert answer.text == "modal-http: internal error: status Failure: RuntimeError: no weights"
        return time.monotonic() - begun < 0.5

    answers_quickly()  # it waits for the start
    eventually(answers_quickly, 20, "an answer without a start, before the next is tried")
    eventually(lambda: answers_quickly() and len(starts()) >= 3, 60, "three starts")
    first, second, third = starts()[:3]
    assert second - first >= 1
    assert third - second >= 2


def test_a_container_without_a_heartbeat_is_killed_and_replaced(daemon, urls):
    before = daemon.get(urls["web"]).text
    stopped = daemon.get(urls["web"] + "/stop")
    assert stopped.status_code == 500
    assert stopped.headers["bimodal-error"] in ("container-gone", "function-timeout"), stopped.text
    eventually(lambda: before not in [one["task_id"] for one in daemon.containers()], 20, "the hung container's end")
    assert logged(daemon, "killed: it hangs (no heartbeat for 5 s)")
    assert daemon.get(urls["web"]).text != before


def test_a_container_whose_event_loop_is_blocked_gets_no_requests(daemon, urls):
    before = daemon.get(urls["web"]).text
    with ThreadPoolExecutor() as threads:
        blocking = threads.submit(daemon.get, urls["web"] + "/block")
        eventually(lambda: logged(daemon, "its event loop is blocked for 2 s"), 20, "the line in the app's log")
        assert daemon.get(urls["web"]).text != before, "another container answers"
        answer = blocking.result()
    assert answer.status_code == 500
    assert answer.headers["bimodal-error"] == "function-timeout"
    eventually(lambda: before not in [one["task_id"] for one in daemon.containers()], 20, "the blocked container's end")


def test_a_container_whose_event_loop_stays_blocked_is_killed(daemon, urls):
    blocked = daemon.get(urls["web"] + "/block-later").text
    eventually(
        lambda: blocked not in [one["task_id"] for one in daemon.containers()], 30, "the blocked container's end"
    )
    assert logged(daemon, "killed: its event loop was blocked for 8 s")
    assert daemon.get(urls["web"]).status_code == 200
