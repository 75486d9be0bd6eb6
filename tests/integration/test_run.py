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
    print("woken", flush=True)


@app.local_entrypoint()
def main(upto: int, word: str = "sum", loud: bool = False):
    total = sum(square.map(range(upto)))
    print(f"{word.upper() if loud else word} {total} {square.remote(upto)} {square.local(3)}")


@app.local_entrypoint()
def nap(seconds: float = 300):
    sleep.remote(seconds)


@app.local_entrypoint()
def trip():
    try:
        fail.remote("plum")
    except ValueError as failure:
        print(f"caught {failure}")  # in one write: others write, too
    fail.remote("pear")
"""


# Of containers whose calls were cancelled: far below the grace that running ones have.
ENDS_WITHIN_S = 10


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
    eventually(lambda: not daemon.containers(), ENDS_WITHIN_S, "the end of its containers")
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
        eventually(lambda: not daemon.containers(), ENDS_WITHIN_S, "the end of its containers")
        running.wait()  # the client counts an interrupt as an ordinary end
    assert "Successfully canceled input" in running.output  # its container's log


def detached(daemon) -> list[str]:
    return [row["app_id"] for row in json.loads(apps(daemon)) if "detached" in row["state"]]


def test_a_detached_run_goes_on_without_its_client_until_it_is_stopped(daemon, runnable):
    with daemon.start_bimodal("run", "--detach", f"{runnable}::nap") as running:
        running.wait_for("sleeping")
        running.interrupt()
        running.wait()
    (app_id,) = detached(daemon)
    assert daemon.containers()
    stopped = daemon.bimodal("app", "stop", "-y", app_id)
    assert stopped.status == 0, stopped.output
    eventually(lambda: not daemon.containers(), ENDS_WITHIN_S, "the end of its containers")


def test_a_detached_run_ends_with_its_calls(daemon, runnable):
    with daemon.start_bimodal("run", "--detach", f"{runnable}::nap", "--seconds", "3") as running:
        running.wait_for("sleeping")
        running.interrupt()
        running.wait()
    app_id = next(word for word in running.output.split() if word.startswith("ap-"))
    eventually(lambda: not daemon.containers(), 3 + ENDS_WITHIN_S, "the end of its containers")
    assert "woken" in daemon.bimodal("app", "logs", app_id).output
    assert not detached(daemon)
