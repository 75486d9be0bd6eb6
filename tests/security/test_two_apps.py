"""What one app does to its host while another one answers: the other one keeps answering."""

import socket
import threading
import time

import pytest
from support.apps import write

NEIGHBOUR = """
import modal

app = modal.App("neighbour")


@app.function(min_containers=1)
@modal.fastapi_endpoint()
def hello():
    return "still here"
"""

HOG = """
import os, signal, time

import modal

app = modal.App("hog")


@app.function(memory=(128, 256), cpu=(0.1, 0.5), timeout=60)
@modal.concurrent(max_inputs=100)
@modal.fastapi_endpoint()
def hog(what: str, seconds: float = 4):
    return {"forks": forks, "memory": memory, "logs": logs, "sleep": time.sleep}[what](seconds)


def forks(seconds):
    children, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            child = os.fork()
        except OSError:
            continue
        if child == 0:
            while True:
                pass
        children.append(child)
    for child in children:
        os.kill(child, signal.SIGKILL)
    return len(children)


def memory(seconds):
    kept = []
    while True:
        kept.append(bytearray(b"x" * (16 << 20)))


def logs(seconds):
    end = time.monotonic() + seconds
    line = "x" * 1000
    while time.monotonic() < end:
        print(line)
"""

PATIENCE = 5.0  # seconds for one answer of the neighbour, on a machine that is busy with both


@pytest.fixture(scope="module")
def apps(daemon, tmp_path_factory):
    folder = tmp_path_factory.mktemp("apps")
    (neighbour,) = daemon.deploy(write(folder, NEIGHBOUR, "neighbour"))
    (hog,) = daemon.deploy(write(folder, HOG, "hog"))
    assert daemon.get(neighbour).json() == "still here"
    assert daemon.get(hog, params={"what": "sleep", "seconds": 0}).status_code == 200
    return neighbour, hog


def answers_meanwhile(daemon, apps, what: str):
    """Requests to the neighbour for as long as one to the hog runs: (the hog's answer, seconds of each)."""
    neighbour, hog = apps
    outcome = []
    attack = threading.Thread(target=lambda: outcome.append(daemon.get(hog, params={"what": what})))
    attack.start()
    times = []
    while attack.is_alive():
        began = time.monotonic()
        answer = daemon.get(neighbour)
        assert (answer.status_code, answer.json()) == (200, "still here")
        times.append(time.monotonic() - began)
        time.sleep(0.02)
    attack.join()
    return outcome[0], times


def test_a_fork_bomb_is_the_bombers_alone(daemon, apps):
    answer, times = answers_meanwhile(daemon, apps, "forks")
    assert answer.status_code == 500 or answer.json() > 20
    assert len(times) > 5 and max(times) < PATIENCE


def test_a_memory_hog_dies_alone(daemon, apps):
    answer, times = answers_meanwhile(daemon, apps, "memory")
    assert answer.headers["bimodal-error"] == "out-of-memory"
    assert max(times, default=0) < PATIENCE


def test_a_flood_of_logs_stays_within_the_apps_share(daemon, apps):
    answer, times = answers_meanwhile(daemon, apps, "logs")
    assert answer.status_code == 200
    assert len(times) > 5 and max(times) < PATIENCE
    kept = sum(file.stat().st_size for file in (daemon.home / "logs").rglob("*.log"))
    assert kept < 100 << 20


def test_a_flood_of_connections_and_requests_to_one_app_leaves_the_other_one_room(daemon, apps):
    neighbour, hog = apps
    flood = [socket.create_connection(("127.0.0.1", int(daemon.info["web"].rpartition(":")[2]))) for _ in range(500)]
    try:
        host = hog.split("//")[1].split("/")[0]
        for connection in flood:
            connection.sendall(f"GET /?what=sleep&seconds=3 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        times = []
        for _ in range(20):
            began = time.monotonic()
            assert daemon.get(neighbour).json() == "still here"
            times.append(time.monotonic() - began)
        assert max(times) < PATIENCE
    finally:
        for connection in flood:
            connection.close()
