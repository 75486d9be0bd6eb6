"""Bimodal as it is measured: a daemon in its default configuration, with every workload deployed as one Modal app.

Only the limit of requests per second is lifted. The app is deployed once; each run has a fresh daemon on that home, whose
container starts on the first request.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from goals.rows import Context

from load.measure import SERVER_CPU
from load.peers import APPS, Target
from load.processes import wait_for_an_answer
from load.workloads import Workload

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.daemon import Daemon  # noqa: E402
from support.paths import LAYERS  # noqa: E402

COMMAND = "bimodal up; bimodal deploy bimodal_app.py"


def frameworks() -> list[str]:
    """What every side runs: the pins below "# frameworks" in benchmarks/requirements.txt."""
    lines = (ROOT / "benchmarks/requirements.txt").read_text().partition("# frameworks\n")[2].splitlines()
    return [line for line in lines if line and not line.startswith("#")]


class Bimodal:
    """`start()` gives a fresh daemon that serves a workload; `close()` removes what is left of all of them."""

    def __init__(self, context: Context):
        self._context = context
        self._folder = Path(tempfile.mkdtemp(prefix="bm-bench-"))
        self._urls: dict[str, str] = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.contextmanager
    def daemon(self, settings: dict[str, str] | None = None) -> Iterator[Daemon]:
        """With the workloads deployed, and no container of theirs."""
        layers = str(self._context.layers or LAYERS)
        pins = {"BIMODAL_LAYERS": layers, "BENCH_FRAMEWORKS": " ".join(frameworks())}
        context = self._context
        daemon = Daemon({**pins, **(settings or {})}, context.python, self._folder / "home", context.binary)
        daemon.command = ["taskset", "-c", SERVER_CPU, context.binary]
        try:
            daemon.start()
            if not self._urls:
                for url in daemon.deploy(APPS / "bimodal_app.py"):
                    self._urls[url.partition("--bench-")[2].partition(".")[0]] = url
            yield daemon
        finally:
            daemon.close()

    def url(self, function: str) -> str:
        return self._urls[function]

    @contextlib.contextmanager
    def start(self, workload: Workload) -> Iterator[Target]:
        """With its container up and the reserve of containers loaded: what a daemon is after a while."""
        with self.daemon() as daemon:
            target = self.target(daemon, workload)
            wait_for_an_answer(
                target.port,
                workload.probe_path,
                workload.method,
                workload.body,
                {**workload.header_fields, "Host": target.host},
            )
            daemon.wait_for_reserve()
            yield target

    def target(self, daemon: Daemon, workload: Workload) -> Target:
        port = int(daemon.info["web"].rpartition(":")[2])
        host = self._urls[workload.function].partition("//")[2].rstrip("/")
        return Target(port, host, (daemon.info["pid"],), COMMAND)
