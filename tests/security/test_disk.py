"""A container that fills the server's disk ends, and nothing else does."""

import subprocess
import threading
import time

import pytest
from support.apps import write
from support.daemon import Daemon

APP = """
import modal

app = modal.App("disk")


@app.function(min_containers=1)
@modal.fastapi_endpoint()
def hello():
    return "still here"


@app.function(timeout=60)
@modal.fastapi_endpoint()
def fill():
    written = 0
    with open("/tmp/large", "wb") as file:
        while True:
            try:
                written += file.write(b"x" * (1 << 20))
            except OSError:
                pass
"""

SIZE_MIB = 600


@pytest.fixture
def daemon_on_a_small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", disk], check=True)
    try:
        daemon = Daemon(home=disk / "home").start()
        try:
            yield daemon
        finally:
            daemon.close()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_the_container_that_fills_the_disk_ends_and_the_others_go_on(daemon_on_a_small_disk, scripts):
    daemon = daemon_on_a_small_disk
    urls = daemon.deploy(write(scripts, APP, "disk"))
    hello, fill = (next(url for url in urls if name in url) for name in ("hello", "fill"))
    assert daemon.get(hello).json() == "still here"
    outcome = []
    filling = threading.Thread(target=lambda: outcome.append(daemon.get(fill)))
    filling.start()
    while filling.is_alive():
        assert daemon.get(hello).json() == "still here"
        time.sleep(0.05)
    filling.join()
    assert outcome[0].status_code == 500
    log = daemon.bimodal("logs", "disk").output
    assert "the server's disk is nearly full" in log and "it had written most" in log
    assert daemon.get(hello).json() == "still here"
