"""What containers ask for is reserved on the host: who finds no room waits, and is told why."""

import threading
from concurrent.futures import ThreadPoolExecutor

from support.apps import write
from support.waiting import eventually

APP = """
import os

import modal

app = modal.App("rooms")


@app.function(memory=400)
@modal.concurrent(max_inputs=10)
@modal.asgi_app()
def first():
    import asyncio

    import fastapi

    web, held = fastapi.FastAPI(), asyncio.Event()

    @web.get("/hold")
    async def hold():
        await held.wait()

    @web.get("/release")
    async def release():
        held.set()

    return web


@app.function(memory=400)
@modal.fastapi_endpoint()
def second():
    return os.environ["MODAL_TASK_ID"]


@app.function(memory=400, timeout=1, startup_timeout=1)
@modal.fastapi_endpoint()
def hasty():
    return "never"
"""

LARGE = """
import modal

app = modal.App("large")


@app.function(memory={memory}, cpu={cpu})
@modal.fastapi_endpoint()
def large():
    return 1
"""


ROLLED = """
import modal

app = modal.App("rolled")


@app.function(memory=400, min_containers=1)
@modal.concurrent(max_inputs=10)
@modal.asgi_app()
def rolled():
    import asyncio

    import fastapi

    web = fastapi.FastAPI()

    @web.get("/")
    async def version():
        return "{version}"

    @web.get("/slow")
    async def slow():
        await asyncio.sleep(4)
        return "{version}"

    return web
"""

BOX = """
import modal

app = modal.App.lookup("boxes", create_if_missing=True)
box = modal.Sandbox.create("sleep", "60", app=app, image=modal.Image.debian_slim(), memory=400)
print("runs", flush=True)
{then}
"""


def url_of(urls, name):
    return next(url for url in urls if name in url)


def test_a_container_waits_for_room_and_idle_ones_give_way(fresh_daemon, scripts):
    daemon = fresh_daemon({"BIMODAL_HOST_MEMORY": "600MiB", "BIMODAL_STANDBY": "0"})
    urls = daemon.deploy(write(scripts, APP, "rooms"))
    first, second, hasty = (url_of(urls, name) for name in ("first", "second", "hasty"))
    with ThreadPoolExecutor() as threads:
        held = threads.submit(daemon.get, first + "/hold")
        eventually(lambda: daemon.status()["host"]["reserved_memory_mb"] == 400, 60, "the first container's room")
        late = daemon.get(hasty)
        assert late.status_code == 503, late.text
        reason = "the host has 200 MiB of memory free of 600 MiB for containers, rooms/hasty asks for 400 MiB"
        assert late.text == f"modal-http: {reason}"
        assert late.headers["bimodal-error"] == "host-full"
        assert int(late.headers["retry-after"]) > 0

        waiting = threads.submit(daemon.get, second)
        reason = reason.replace("hasty", "second")
        eventually(lambda: daemon.status()["host"]["waiting"] == [f"rooms/second: {reason}"], 30, "one that waits")
        assert f"waits: rooms/second: {reason}" in daemon.bimodal("status").output
        logged = f"container: waits for room: {reason}"
        eventually(lambda: logged in daemon.bimodal("logs", "rooms").output, 20, "the reason in the app's log")

        assert daemon.get(first + "/release").status_code == 200
        assert held.result().status_code == 200
        answer = waiting.result()
    assert answer.status_code == 200, answer.text
    (left,) = daemon.containers()
    assert left["task_id"] == answer.json(), "the idle container gave way"

    for memory, cpu, why in [
        (601, 1, "asks for memory=601 (MiB), more than the 600 that containers of this host can reserve"),
        (128, 9999, "asks for cpu=9999, more than"),
    ]:
        refused = daemon.bimodal("deploy", write(scripts, LARGE.format(memory=memory, cpu=cpu), "large"))
        assert refused.status != 0
        assert f"function 'large' {why}" in refused.output


def test_what_is_parked_gives_way_when_room_is_short(fresh_daemon, scripts):
    daemon = fresh_daemon({"BIMODAL_HOST_MEMORY": "600MiB"})
    urls = daemon.deploy(write(scripts, APP, "rooms"))
    first, hasty = url_of(urls, "first"), url_of(urls, "hasty")

    def parked():
        return [one for one in daemon.status()["standbys"] if one["state"] == "parked"]

    with ThreadPoolExecutor() as threads:
        held = threads.submit(daemon.get, first + "/hold")
        eventually(parked, 60, "one that is parked")
        assert daemon.get(hasty).status_code == 503
        assert not parked()
        assert daemon.get(first + "/release").status_code == 200
        assert held.result().status_code == 200


def test_nothing_starts_on_a_host_without_memory(fresh_daemon, scripts):
    daemon = fresh_daemon({"BIMODAL_MIN_AVAILABLE_MEMORY": "100000GiB", "BIMODAL_STANDBY": "0"})
    (url,) = daemon.deploy(write(scripts, LARGE.format(memory=128, cpu=0.125), "large"))
    answer = daemon.get(url)
    assert answer.status_code == 503
    assert answer.text.startswith("modal-http: the host is short of memory: ")
    assert int(answer.headers["retry-after"]) > 0
    assert daemon.containers() == []


def test_a_rolling_deploy_on_a_full_host_goes_on_and_no_request_fails(fresh_daemon, scripts):
    daemon = fresh_daemon({"BIMODAL_HOST_MEMORY": "600MiB", "BIMODAL_STANDBY": "0", "BIMODAL_DRAIN": "1s"})

    def deploy(version: str) -> str:
        (url,) = daemon.deploy(write(scripts, ROLLED.replace("{version}", version), "rolled"))
        return url

    url = deploy("one")
    assert daemon.get(url).json() == "one"
    answers, over = [], threading.Event()

    def ask():
        while not over.is_set():
            answers.append(daemon.get(url))

    with ThreadPoolExecutor() as threads:
        asking = threads.submit(ask)
        slow = threads.submit(daemon.get, url + "/slow")
        deploy("two")
        eventually(lambda: answers and answers[-1].json() == "two", 60, "the new version")
        over.set()
        asking.result()
    assert {answer.status_code for answer in answers} == {200}
    assert slow.result().json() == "one", "what the busy container had begun with it ended"
    assert "rolled/rolled: the new version finds no room on the host" in daemon.log()
    eventually(lambda: len(daemon.containers()) == 1, 30, "the old container's end")


def test_a_sandbox_reserves_what_it_asks_for(fresh_daemon, scripts):
    daemon = fresh_daemon({"BIMODAL_HOST_MEMORY": "600MiB", "BIMODAL_STANDBY": "0"})
    first = url_of(daemon.deploy(write(scripts, APP, "rooms")), "first")
    with ThreadPoolExecutor() as threads:
        held = threads.submit(daemon.get, first + "/hold")
        eventually(lambda: daemon.status()["host"]["reserved_memory_mb"] == 400, 60, "the container's room")
        refused = daemon.python(BOX.format(then=""))
        assert refused.status != 0
        reason = "the host has 200 MiB of memory free of 600 MiB for containers, boxes/sandbox asks for 400 MiB"
        assert reason in " ".join(refused.output.split()), refused.output
        assert daemon.get(first + "/release").status_code == 200
        assert held.result().status_code == 200
    done = daemon.python(BOX.format(then="box.terminate(wait=True)"))
    assert done.status == 0 and "runs" in done.output, done.output
    assert daemon.containers("rooms") == [], "the idle container gave way"
    eventually(lambda: daemon.status()["host"]["reserved_memory_mb"] == 0, 20, "the sandbox's room")
