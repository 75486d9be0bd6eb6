"""A thousand WebSockets on one container: what they cost, and what is left when their callers are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from support.apps import write
from support.waiting import eventually

COUNT = 1000
# Far above what a connection takes (docs/decisions/0006-websocket.md), far below one that keeps a buffer.
DAEMON_KB_EACH = 8
CONTAINER_KB_EACH = 24
LOOPS = 8  # each of the gateway's opens one connection to the container when it first needs it, and keeps it
IDLE_TICKS = 5  # of 10 ms, within a second

APP = """
import asyncio
import json
import os

import modal

app = modal.App("crowd")


def usage():
    status = open("/proc/self/status").read()
    return json.dumps({
        "rss_kb": int(status.split("VmRSS:")[1].split()[0]),
        "tasks": len(asyncio.all_tasks()),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "ticks": sum(os.times()[:2]) * 100,
    })


async def crowd(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": usage()})
        return
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": usage().encode()})


@app.function(max_containers=1)
@modal.concurrent(max_inputs=1000)
@modal.asgi_app()
def sockets():
    return crowd
"""

CALLERS = """
import socket, sys

host, port, name, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
handshake = (
    f"GET / HTTP/1.1\\r\\nHost: {name}\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n"
    "Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n"
    "Sec-WebSocket-Extensions: permessage-deflate\\r\\n\\r\\n"
).encode()
sockets = [socket.create_connection((host, port), timeout=60) for _ in range(count)]
for one in sockets:
    one.sendall(handshake)


def read(one):
    answer = b""
    while not answer.endswith(b"\\r\\n\\r\\n"):
        answer += one.recv(1)
    assert answer.startswith(b"HTTP/1.1 101 "), answer


def ask(one):
    one.sendall(b"\\x81\\x80\\0\\0\\0\\0")
    size = one.recv(2)[1]
    return one.recv(size)


for one in sockets:
    read(one)
for one in sockets:
    last = ask(one)
print(last.decode(), flush=True)
sys.stdin.readline()
"""


def rss_kb(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0])


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def ticks(pid: int) -> int:
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))


def test_a_thousand_websockets_cost_little_and_leave_nothing_when_their_callers_are_killed(daemon, tmp_path):
    (url,) = daemon.deploy(write(tmp_path, APP))
    pid = daemon.info["pid"]
    before = daemon.get(url).json()
    daemon.wait_for_reserve()
    daemon_before, held_before = rss_kb(pid), descriptors(pid)
    host, _, port = daemon.info["web"].rpartition(":")
    command = [sys.executable, "-c", CALLERS, host, port, url.partition("//")[2], str(COUNT)]
    callers = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        during = json.loads(callers.stdout.readline())
        daemon_each = (rss_kb(pid) - daemon_before) / COUNT
        container_each = (during["rss_kb"] - before["rss_kb"]) / COUNT
        print(f"daemon {daemon_each:.1f} KB, container {container_each:.1f} KB per WebSocket")
        assert during["tasks"] >= before["tasks"] + COUNT - 1
        assert descriptors(pid) >= held_before + COUNT
        assert daemon_each < DAEMON_KB_EACH
        assert container_each < CONTAINER_KB_EACH
    finally:
        callers.send_signal(signal.SIGKILL)
        callers.wait()

    # One slot of a thousand is enough for this request, all tasks are what it counts.
    eventually(lambda: daemon.get(url).json()["tasks"] == before["tasks"], 1, "the tasks' end")
    eventually(lambda: descriptors(pid) <= held_before + LOOPS, 1, "the descriptors' end")
    assert daemon.get(url).json()["descriptors"] <= before["descriptors"] + LOOPS

    spent, app_spent = ticks(pid), daemon.get(url).json()["ticks"]
    time.sleep(1)  # what is measured is this second
    assert ticks(pid) - spent <= IDLE_TICKS
    assert daemon.get(url).json()["ticks"] - app_spent <= IDLE_TICKS
