"""Measuring: CPU time of a process tree, one run of the load generator, and what both say together."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import subprocess
import time

SERVER_CPU, GENERATOR_CPU = "0", "1"
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


def tree(root: int) -> set[int]:
    """`root` and every process below it."""
    children: dict[int, list[int]] = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parent = int(stat.rsplit(")", 1)[1].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found, queue = set(), [root]
    while queue:
        pid = queue.pop()
        found.add(pid)
        queue += children.get(pid, [])
    return found


def cpu_ns(pids: set[int]) -> int:
    """Nanoseconds on a CPU of every thread of `pids` (field 1 of schedstat). A process that ended counts nothing."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(task.read_text().split()[0])
            except OSError:
                continue
    return total


@dataclasses.dataclass
class Sample:
    """One run: requests per second, server CPU in microseconds per request, and how busy the generator was (0..1)."""

    requests: int
    per_second: float
    cpu_us: float
    generator_busy: float


def load(url: str, host: str, root_pids: list[int], seconds: float, connections: int) -> Sample:
    """Runs wrk for `seconds` against `url` and reads the CPU of the server's process trees around it.

    Raises RuntimeError when any answer was not 2xx or any connection failed: such a run counts for nothing.
    """
    pids = set().union(*(tree(pid) for pid in root_pids))
    command = [
        "taskset",
        "-c",
        GENERATOR_CPU,
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds:g}s",
        "-H",
        f"Host: {host}",
    ]
    for name, value in BROWSER_HEADERS.items():
        command += ["-H", f"{name}: {value}"]
    before, own_before, started = cpu_ns(pids), os.times(), time.monotonic()
    report = subprocess.run(command + [url], capture_output=True, text=True, check=True).stdout
    wall, own_after, after = time.monotonic() - started, os.times(), cpu_ns(pids)
    if "Non-2xx" in report or "Socket errors" in report:
        raise RuntimeError(f"void run of {url}:\n{report}")
    requests = int(re.search(r"(\d+) requests in", report).group(1))
    busy = own_after.children_user + own_after.children_system - own_before.children_user - own_before.children_system
    return Sample(requests, requests / seconds, (after - before) / 1000 / requests, busy / wall)
