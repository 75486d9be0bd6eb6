"""A thousand event streams on one daemon, and what is left when their clients are killed: nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.apps import write
from support.waiting import eventually

STREAMS = 1000
GONE_WITHIN_S = 1

APP = """
import asyncio
import os
import time

import modal

app = modal.App("many")


@app.function(max_containers=1, scaledown_window=300)
@modal.concurrent(max_inputs=1000)
@modal.asgi_app()
def api():
    from fastapi import FastAPI
    from fastapi.responses import StreamingResponse

    web_app = FastAPI()
    running = set()
    acknowledged = asyncio.Event()

    @web_app.get("/events")
    async def events():
        async def ticks():
            running.add(asyncio.current_task())
            try:
                while True:
                    yield "data: tick\\n\\n"
                    await asyncio.sleep(1)
            finally:
                running.discard(asyncio.current_task())

        return StreamingResponse(ticks(), media_type="text/event-stream")

    @web_app.get("/stats")
    async def stats():
        return {
            "running": len(running),
            "tasks": len(asyncio.all_tasks()),
            "descriptors": len(os.listdir("/proc/self/fd")),
            "threads": len(os.listdir("/proc/self/task")),
            "cpu_s": time.process_time(),
        }

    # The next event is made only once the one before was acknowledged.
    @web_app.get("/steps")
    async def steps():
        async def made():
            for number in range(50):
                acknowledged.clear()
                yield f"data: {number} {time.monotonic()}\\n\\n"
                await acknowledged.wait()

        return StreamingResponse(made(), media_type="text/event-stream")

    @web_app.post("/acknowledge")
    async def acknowledge():
        acknowledged.set()

    return web_app
"""

# Opens the streams, says so when each has its first event, and reads on until it is killed.
CLIENT = """
import asyncio
import resource
import sys

port, host, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, max(count + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))


async def listen(started):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /events HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n".encode())
    await reader.readuntil(b"data: tick")
    started.release()
    while await reader.read(65536):
        pass


async def main():
    started = asyncio.Semaphore(0)
    listeners = [asyncio.create_task(listen(started)) for _ in range(count)]
    for _ in range(count):
        await started.acquire()
    print("all", flush=True)
    await asyncio.gather(*listeners)


asyncio.run(main())
"""


def stats(daemon, url) -> dict:
    return daemon.get(url + "/stats").json()


def descriptors_of(daemon) -> int:
    return len(os.listdir(f"/proc/{daemon.info['pid']}/fd"))


def threads_of(daemon) -> int:
    return len(os.listdir(f"/proc/{daemon.info['pid']}/task"))


def cpu_s_of(daemon) -> float:
    words = Path(f"/proc/{daemon.info['pid']}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def start_client(daemon, url, count: int) -> subprocess.Popen:
    port = daemon.info["web"].rpartition(":")[2]
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, port, urlsplit(url).netloc, str(count)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert client.stdout.readline() == "all\n"
    except BaseException:
        client.kill()
        client.wait()
        raise
    return client


def kill(client: subprocess.Popen) -> float:
    """Kills it without a word to anybody; when that was."""
    client.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    client.wait()
    client.stdout.close()
    return killed


@pytest.fixture(scope="module")
def url(daemon, tmp_path_factory):
    (url,) = daemon.deploy(write(tmp_path_factory.mktemp("many"), APP))
    daemon.get(url + "/stats")
    daemon.wait_for_reserve()
    # So that each loop of the gateway has its connection to the container before anything is counted.
    connected = descriptors_of(daemon)
    kill(start_client(daemon, url, 64))
    eventually(lambda: stats(daemon, url)["running"] == 0, 10, "end of all streams")
    eventually(lambda: descriptors_of(daemon) < connected + 16, 10, "closed connections")
    return url


def test_a_thousand_event_streams_whose_client_is_killed_leave_nothing_behind(daemon, url):
    before, descriptors, threads = stats(daemon, url), descriptors_of(daemon), threads_of(daemon)
    client = start_client(daemon, url, STREAMS)
    assert descriptors_of(daemon) >= descriptors + STREAMS
    killed = kill(client)

    # The answer to this request needs a slot, and all of them were taken.
    assert eventually(lambda: stats(daemon, url)["running"] == 0, 10, "end of all streams")
    eventually(lambda: descriptors_of(daemon) <= descriptors, 10, "closed connections")
    after = stats(daemon, url)
    took = time.monotonic() - killed
    assert after["tasks"] <= before["tasks"]
    assert after["descriptors"] <= before["descriptors"]
    # asyncio's thread pool may have begun threads for the first time.
    assert after["threads"] <= before["threads"] + 1 and threads_of(daemon) <= threads
    assert took < GONE_WITHIN_S, f"{took:.2f} s"


def test_a_daemon_and_a_container_that_were_busy_are_idle_again(daemon, url):
    kill(start_client(daemon, url, 200))
    eventually(lambda: stats(daemon, url)["running"] == 0, 10, "end of all streams")
    before, began = cpu_s_of(daemon), stats(daemon, url)["cpu_s"]
    time.sleep(1)  # the span that is measured
    assert stats(daemon, url)["cpu_s"] - began < 0.05
    assert cpu_s_of(daemon) - before < 0.05


def test_disconnect_storms_leave_no_task_thread_or_descriptor_behind(daemon, url):
    before, descriptors = stats(daemon, url), descriptors_of(daemon)
    for _ in range(5):
        kill(start_client(daemon, url, 100))
    eventually(lambda: stats(daemon, url)["running"] == 0, 10, "end of all streams")
    eventually(lambda: descriptors_of(daemon) <= descriptors, 10, "closed connections")
    after = stats(daemon, url)
    assert (after["tasks"], after["descriptors"]) == (before["tasks"], before["descriptors"])
    assert after["threads"] <= before["threads"] + 1


def test_each_event_reaches_the_caller_before_the_next_is_made(daemon, url):
    waits = []
    with daemon.web.stream("GET", url + "/steps") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = answer.iter_text()
        for expected in range(50):
            number, made = next(events).removeprefix("data: ").split()
            waits.append(time.monotonic() - float(made))
            assert int(number) == expected
            daemon.post(url + "/acknowledge")
    waits.sort()
    assert waits[len(waits) // 2] < 0.2, json.dumps(waits)
