"""Measuring: CPU time of a process tree, one run of the load generator, and what both say together."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from idle.processes import tree

from load.workloads import Interface, Workload

SERVER_CPU, GENERATOR_CPU = "0", "1"
BUSIEST_GENERATOR = 0.85  # a share of its CPU; above it the rate is the generator's, not the server's
BROWSER_HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.9",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Cache-Control": "max-age=0",
    "Sec-Ch-Ua": '"Chromium";v="130", "Not?A_Brand";v="99"',
    "Sec-Ch-Ua-Mobile": "?0",
    "Sec-Ch-Ua-Platform": '"Linux"',
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "none",
    "Upgrade-Insecure-Requests": "1",
}


class VoidRun(RuntimeError):
    """An answer was wrong or missing: the run counts for nothing."""


@dataclasses.dataclass(frozen=True)
class Sample:
    """One run of the generator beside the CPU time that the server's processes spent meanwhile."""

    answers: int
    per_second: float
    cpu_us: float  # of the server, for each answer
    generator_busy: float  # 0..1
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float
    late_p99_us: float  # at a fixed rate: how late the generator itself was


def cpu_ns(roots: Iterable[int]) -> dict[int, int]:
    """Nanoseconds on a CPU (field 1 of schedstat) by thread, of every process of these trees."""
    spent = {}
    for pid in (each for root in roots for each in tree(root)):
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                spent[int(task.parent.name)] = int(task.read_text().split()[0])
    return spent


def spent_ns(before: dict[int, int], after: dict[int, int]) -> int:
    """Between two readings; threads that were born meanwhile count from their birth, those that ended not at all."""
    return sum(now - before.get(thread, 0) for thread, now in after.items())


@contextlib.contextmanager
def generator_words(workload: Workload) -> Iterator[list]:
    """The generator's options for a workload. Bodies are in files as long as the context lasts."""
    words: list = ["--path", workload.path, "--method", workload.method, "--connections", workload.connections]
    for name, value in BROWSER_HEADERS.items():
        words += ["--header", f"{name}: {value}"]
    for header in workload.headers:
        words += ["--header", header]
    if workload.interface is Interface.WEBSOCKET:
        words += ["--websocket", workload.message_bytes] + ["--deflate"] * workload.deflate
    with tempfile.TemporaryDirectory(prefix="bm-load-") as folder:
        for option, body in (("--body-file", workload.body), ("--expect", workload.expected)):
            if body:
                file = Path(folder, option.strip("-"))
                file.write_bytes(body)
                words += [option, file]
        yield words


class Generator:
    """The load generator (benchmarks/load/generator) on its own CPU."""

    def __init__(self, program: Path):
        self._program = program

    def run(self, workload: Workload, target, seconds: float, rate: float = 0) -> Sample:
        """Load on `target` (peers.Target): as much as it takes, or at `rate`. Raises VoidRun."""
        with generator_words(workload) as words:
            command = ["taskset", "-c", GENERATOR_CPU, self._program, target.port, "--host", target.host, *words]
            command += ["--seconds", seconds, "--rate", rate]
            before = cpu_ns(target.roots)
            done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
            spent = spent_ns(before, cpu_ns(target.roots))
        if done.returncode != 0:
            raise VoidRun(f"{workload.name} on {target.command}: {done.stderr.strip()}")
        return sample(json.loads(done.stdout), spent)


def sample(told: dict, spent: int) -> Sample:
    """Of what the generator printed and the nanoseconds that the server spent."""
    answers = told["answers"]
    if not answers:
        raise VoidRun("no answer at all")
    times = {name: told[name] for name in ("p50_us", "p99_us", "p999_us", "max_us", "late_p99_us")}
    return Sample(answers, answers / told["seconds"], spent / 1000 / answers, told["busy"], **times)
