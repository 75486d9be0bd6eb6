"""Request to first byte from zero containers, FastAPI: parked, and from the beginning, in one run.

    python benchmarks/cold/start.py [--starts 20]

Needs what the outer tests need (tests/requirements.txt, BIMODAL_TEST_LAYERS). Each start begins when no container is left
and, for the first kind, one is parked; the request goes over a connection that exists already. The load of the
machine is printed with the figures: on a busy one they tell little.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from support.apps import write_hello  # noqa: E402
from support.command import run  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.paths import PYTHON  # noqa: E402
from support.waiting import eventually  # noqa: E402


def stop_containers(daemon):
    for container in daemon.containers():
        run([PYTHON, "-m", "modal", "container", "stop", "-y", container["task_id"]], daemon.client_environment)
    eventually(lambda: not daemon.containers(), 30, "no container left")


def is_ready(daemon) -> bool:
    return any(standby["state"] == "parked" for standby in daemon.status()["standbys"])


def measure(standbys: int, starts: int) -> list[float]:
    daemon = Daemon({"BIMODAL_STANDBY": str(standbys)}).start()
    times = []
    try:
        with tempfile.TemporaryDirectory(prefix="bm-app-") as folder:
            (url,) = daemon.deploy(write_hello(Path(folder), "cold"))
        for _ in range(starts):
            stop_containers(daemon)
            if standbys:
                eventually(lambda: is_ready(daemon), 60, "one parked")
            began = time.perf_counter()
            assert daemon.get(url).status_code == 200
            times.append((time.perf_counter() - began) * 1000)
    finally:
        daemon.close()
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=20)
    starts = parser.parse_args().starts
    for name, standbys in (("parked", 16), ("from the beginning", 0)):
        times = sorted(measure(standbys, starts))
        print(
            f"{name:20} p50 {statistics.median(times):7.1f} ms   min {times[0]:7.1f}   max {times[-1]:7.1f}   "
            f"{starts} starts, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs",
            flush=True,
        )


if __name__ == "__main__":
    main()
