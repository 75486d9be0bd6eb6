"""`bimodal run`: local entrypoints and functions, their arguments, output and ends."""

import json

import pytest
from support.apps import write
from support.waiting import eventually

RUNNABLE = """
import asyncio

import modal

app = modal.App("runnable")


@app.function()
def square(number: int = 2) -> int:
    print(f"squaring {number}")
    return number * number


@app.function()
def fail(word: str):
    raise ValueError(f"no such word: {word}")


@app.function()
async def sleep(seconds: float):
    print("sleeping", flush=True)
    await asyncio.sleep(seconds)


@app.local_entrypoint()
def main(upto: int, word: str = "sum", loud: bool = False):
    total = sum(square.map(range(upto)))
    print(f"{word.upper() if loud else word} {total} {square.remote(upto)} {square.local(3)}")


@app.local_entrypoint()
def nap():
    sleep.remote(300)


@app.local_entrypoint()
def trip():
    try:
        fail.remote("plum")
    except ValueError as failure:
        print("caught", failure)
    fail.remote("pear")
"""


@pytest.fixture
def runnable(scripts):
    return write(scripts, RUNNABLE, "runnable")


def apps(daemon) -> str:
    return daemon.bimodal("app", "list", "--json").output


def test_a_local_entrypoint_gets_typed_arguments_and_calls_functions(daemon, runnable):
    done = daemon.bimodal("run", f"{runnable}::main", "--upto", "4", "--word", "total", "--loud")
    assert done.status == 0, done.output
    assert "TOTAL 14 16 9" in done.output
    assert "squaring 3" in done.output  # the container's log
    wrong = daemon.bimodal("run", f"{runnable}::main", "--upto", "four")
    assert wrong.status == 2 and "four" in wrong.output, wrong.output
    eventually(lambda: not daemon.containers(), 40, "the end of its containers")
    assert "deployed" not in apps(daemon)


def test_a_function_runs_directly_and_quietly(daemon, runnable):
    done = daemon.bimodal("run", "-q", f"{runnable}::square", "--number", "12")
    assert done.status == 0 and "squaring" not in done.output, done.output
    written = runnable.parent / "result.txt"
    done = daemon.bimodal("run", "-w", written, f"{runnable}::square", "--number", "5")
    # The client writes results that are text or bytes only, and says so of others.
    assert "squaring 5" in done.output, done.output


def test_a_remote_exception_ends_the_run_with_its_traceback(daemon, runnable):
    done = daemon.bimodal("run", f"{runnable}::trip")
    assert done.status == 1, done.output
    assert "caught no such word: plum" in done.output
    assert "ValueError: no such word: pear" in done.output
    assert "runnable.py" in done.output


def test_an_interrupted_run_ends_its_calls_and_containers(daemon, runnable):
    with daemon.start_bimodal("run", f"{runnable}::nap") as running:
        running.wait_for("sleeping")
        running.interrupt()
        running.wait()  # the client counts an interrupt as an ordinary end
    eventually(lambda: not daemon.containers(), 40, "the end of its containers")


def test_a_detached_run_goes_on_without_its_client(daemon, runnable):
    with daemon.start_bimodal("run", "--detach", f"{runnable}::nap") as running:
        running.wait_for("sleeping")
        running.interrupt()
        running.wait()
    assert "detached" in apps(daemon)
    (container,) = daemon.containers()
    app_id = next(row for row in json.loads(apps(daemon)) if "detached" in str(row))
    stopped = daemon.bimodal("app", "stop", "-y", next(value for value in app_id.values() if value.startswith("ap-")))
    assert stopped.status == 0, stopped.output
    eventually(lambda: container["task_id"] not in str(daemon.containers()), 40, "the container's end")
