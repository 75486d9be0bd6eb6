"""What a caller is told when a request can't be answered, and how its lines are found in the log."""

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.apps import write
from support.daemon import Daemon
from support.waiting import eventually

PREFIX = "modal-http: "
ID_LENGTH = 26

APP = """
import asyncio
import os
import signal
import sys
import time

import modal

app = modal.App("errors")


async def respond(send, body):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def answer(scope, receive, send):
    path = scope["path"]
    if path == "/id":
        print(f"one line\\ntwo of {path}")
        print("to stderr", file=sys.stderr)
        await asyncio.to_thread(print, "from a thread")
        ids = f"{modal.current_input_id()} {modal.current_function_call_id()}"
        await respond(send, ids.encode())
    elif path == "/raise":
        raise ValueError("a secret that is for the log only")
    elif path == "/die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif path == "/sleep":
        await asyncio.sleep(60)
    elif path == "/hold":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
    elif path == "/body":
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message.get("more_body", False)
        await respond(send, str(size).encode())


@app.function(timeout=5, startup_timeout=60, max_containers=1)
@modal.asgi_app()
def edge():
    async def application(scope, receive, send):
        if scope["type"] == "http":
            await answer(scope, receive, send)

    return application


@app.function()
@modal.asgi_app()
def broken():
    print("starts")
    raise RuntimeError("no\\nsecond line")


@app.function(startup_timeout=1)
@modal.asgi_app()
def late():
    time.sleep(60)


@app.function(gpu="any")
@modal.fastapi_endpoint()
def framework():
    raise ValueError("a secret that is for the log only")


@app.cls()
class Stays:
    @modal.exit()
    def stay(self):
        time.sleep(60)

    @modal.fastapi_endpoint()
    def here(self):
        return "here"
"""


@pytest.fixture(scope="module")
def strict():
    """A daemon with small limits."""
    settings = {
        "BIMODAL_MAX_BODY": "1MiB",
        "BIMODAL_MAX_HEAD": "8KiB",
        "BIMODAL_MAX_WAITING": "1",
        "BIMODAL_FIRST_MESSAGE_TIMEOUT": "500ms",
        "BIMODAL_EXIT_GRACE": "1s",
    }
    running = Daemon(settings).start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def deployed(strict, tmp_path_factory):
    done = strict.bimodal("deploy", write(tmp_path_factory.mktemp("errors"), APP))
    assert done.status == 0, done.output
    return done


@pytest.fixture(scope="module")
def urls(deployed):
    """By the last word of the host's label."""
    return {url.split(".")[0].rpartition("-")[2]: url for url in deployed.urls}


@pytest.fixture
def edge(strict, urls):
    """The URL of a function that has a warm container."""
    eventually(lambda: strict.get(urls["edge"] + "/body").status_code == 200, 60, "a container")
    return urls["edge"]


def refused(answer, status: int, code: str) -> str:
    """The text behind the prefix of an answer that the edge itself gave."""
    assert (answer.status_code, answer.headers["bimodal-error"]) == (status, code), answer.text
    assert answer.text.startswith(PREFIX)
    assert len(answer.text.splitlines()) == 1
    assert len(answer.headers["bimodal-request-id"]) == ID_LENGTH
    return answer.text.removeprefix(PREFIX)


def logs_of(daemon, answer, *words: str) -> str:
    """The lines of one request."""
    call = "fc-" + answer.headers["bimodal-request-id"]
    done = daemon.bimodal("app", "logs", "errors", "--function-call", call, *words)
    assert done.status == 0, done.output
    return done.output


def test_a_gpu_is_one_warning_in_the_clients_output(deployed):
    warnings = [line for line in deployed.output.splitlines() if "gpu=" in line]
    assert len(warnings) == 1, deployed.output
    assert "CPU" in deployed.output


def test_the_request_id_is_the_input_id_and_finds_the_lines_of_the_request(strict, edge):
    answer = strict.get(edge + "/id")
    request_id = answer.headers["bimodal-request-id"]
    assert answer.text == f"in-{request_id} fc-{request_id}"
    other = strict.get(edge + "/id")
    assert other.headers["bimodal-request-id"] != request_id
    expected = {"one line", "two of /id", "to stderr", "from a thread"}
    eventually(lambda: set(logs_of(strict, answer).split("\n")) >= expected, 20, "the lines")
    assert set(logs_of(strict, answer).strip().split("\n")) == expected
    assert f"fc-{request_id}" in logs_of(strict, answer, "--show-function-call-id")
    assert "\x1e" not in strict.bimodal("app", "logs", "errors").output


def test_an_exception_without_a_framework_is_a_500_whose_traceback_is_in_the_requests_log(strict, edge):
    answer = strict.get(edge + "/raise")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["bimodal-error"] == "application-failed"
    eventually(lambda: "ValueError: a secret" in logs_of(strict, answer), 20, "the traceback")
    assert "Traceback" in logs_of(strict, answer)


def test_an_exception_in_a_framework_is_its_own_page(strict, urls):
    answer = strict.get(urls["framework"])
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert "bimodal-error" not in answer.headers
    assert len(answer.headers["bimodal-request-id"]) == ID_LENGTH
    eventually(lambda: "ValueError: a secret" in logs_of(strict, answer), 20, "the traceback")


def test_a_function_that_takes_too_long_is_a_500(strict, edge):
    began = time.monotonic()
    text = refused(strict.get(edge + "/sleep"), 500, "function-timeout")
    assert text == "internal error: function execution timed out"
    assert time.monotonic() - began < 20


def test_a_container_that_is_killed_is_a_500_and_the_next_request_has_another(strict, edge):
    text = refused(strict.get(edge + "/die"), 500, "container-gone")
    assert text == "internal error: function was terminated by signal"
    assert strict.get(edge + "/body").status_code == 200


def test_a_start_that_fails_is_told_at_once_in_one_line(strict, urls):
    text = refused(strict.get(urls["broken"]), 500, "start-failed")
    assert text == "internal error: status Failure: RuntimeError: no second line"
    log = strict.bimodal("app", "logs", "errors")
    assert log.output.count("starts") == 1, "waiting requests must not wait for further starts"
    assert "Traceback" in log.output


def test_a_start_that_takes_too_long_is_told_with_the_setting(strict, urls):
    text = refused(strict.get(urls["late"]), 500, "start-failed")
    assert "startup_timeout" in text


def test_one_request_runs_at_a_time_and_a_full_queue_names_its_setting(strict, edge):
    with contextlib.ExitStack() as held, ThreadPoolExecutor(2) as callers:
        holding = held.enter_context(strict.web.stream("GET", edge + "/hold"))
        chunks = holding.iter_raw()  # kept: when it goes, so does the connection
        assert next(chunks) == b"x"
        began = threading.Barrier(2)

        def call():
            began.wait()
            return strict.get(edge + "/body")

        calls = [callers.submit(call) for _ in range(2)]
        eventually(lambda: any(each.done() for each in calls), 20, "a refusal")
        held.close()
        answers = sorted((each.result() for each in calls), key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [200, 429]
    assert "limits.max_waiting" in refused(answers[1], 429, "queue-full")


def test_a_declared_body_over_the_limit_is_refused_before_it_is_sent(strict, edge):
    head = f"POST /body HTTP/1.1\r\nHost: {edge.removeprefix('http://')}\r\nContent-Length: {(1 << 20) + 1}\r\n\r\n"
    port = int(strict.info["web"].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        caller.sendall(head.encode())
        answer = caller.recv(4096).decode()
    assert answer.startswith("HTTP/1.1 413")
    assert "limits.max_body" in answer


def test_a_body_without_a_length_is_cut_at_the_limit(strict, edge):
    chunks = (bytes(1 << 16) for _ in range(17))
    assert "limits.max_body" in refused(strict.post(edge + "/body", content=chunks), 413, "body-too-large")


def test_a_body_that_is_announced_and_does_not_come_is_a_408(strict, edge):
    head = f"POST /body HTTP/1.1\r\nHost: {edge.removeprefix('http://')}\r\nContent-Length: 5\r\n\r\n"
    port = int(strict.info["web"].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        caller.sendall(head.encode())
        assert caller.recv(4096).decode().startswith("HTTP/1.1 408")
    assert strict.post(edge + "/body", content=b"hello").text == "5"


def test_a_head_over_the_limit_is_refused(strict, edge):
    refused(strict.get(edge, headers={"X-Long": "x" * 9000}), 431, "bad-request")


def test_exit_handlers_that_do_not_end_are_killed_after_their_time(strict, urls):
    assert strict.get(urls["here"]).json() == "here"
    (container,) = [each for each in strict.containers("errors") if each["function"].startswith("Stays")]
    assert strict.bimodal("app", "stop", "errors", "-y").status == 0
    began = time.monotonic()
    eventually(lambda: container["task_id"] not in str(strict.containers()), 20, "its end")
    assert time.monotonic() - began < 20
    answer = strict.get(urls["here"])
    assert refused(answer, 404, "app-stopped") == "app for invoked web endpoint is stopped"


def test_a_gpu_that_is_required_is_refused_by_name(fresh_daemon, scripts):
    daemon = fresh_daemon({"BIMODAL_GPU_REQUIRED": "true"})
    done = daemon.bimodal("deploy", write(scripts, APP))
    assert done.status != 0
    assert 'gpu="any"' in done.output and "framework" in done.output, done.output
