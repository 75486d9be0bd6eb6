"""CPU per request of HTTP/2 beside HTTP/1.1, of one daemon in one run, for the gateway's own answer (/_bimodal/health).

    python3 benchmarks/load/versions.py build/release/bin/bimodal [--rounds 5] [--requests 100000]

Needs h2load (nghttp2-client). Rounds are interleaved. The figure is the CPU time of the daemon's process (its threads' schedstat)
divided by the requests that it answered; the rate beside it also depends on the load generator.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from idle.processes import cpu_s  # noqa: E402

KINDS = {
    "HTTP/1.1, 4 connections": ["--h1", "-c", "4"],
    "HTTP/2, 4 connections, 1 stream each": ["-c", "4", "-m", "1"],
    "HTTP/2, 4 connections, 32 streams each": ["-c", "4", "-m", "32"],
}


def measure(pid: int, url: str, requests: int, options: list[str]) -> tuple[float, float]:
    """(µs of CPU per request, requests per second)"""
    before = cpu_s([pid])
    told = subprocess.run(["h2load", "-n", str(requests), *options, url], capture_output=True, text=True, check=True)
    spent = cpu_s([pid]) - before
    assert f"{requests} succeeded, 0 failed, 0 errored" in told.stdout, told.stdout
    return spent / requests * 1e6, float(re.search(r"([\d.]+) req/s", told.stdout)[1])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("bimodal")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--requests", type=int, default=100_000)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="bm-versions-") as home:
        addresses = ["--api", "127.0.0.1:0", "--web", "127.0.0.1:0"]
        up = [given.bimodal, "up", "--home", home, *addresses]
        told = subprocess.run(up, capture_output=True, text=True, check=True).stdout
        try:
            url = re.search(r"web +(http://\S+)", told)[1] + "/_bimodal/health"
            pid = next(
                int(each.name)
                for each in Path("/proc").iterdir()
                if each.name.isdigit() and home in (each / "cmdline").read_bytes().decode()
            )
            figures = {kind: [] for kind in KINDS}
            for _ in range(given.rounds):
                for kind, options in KINDS.items():
                    figures[kind].append(measure(pid, url, given.requests, options))
            for kind, pairs in figures.items():
                cpu = statistics.median(pair[0] for pair in pairs)
                rate = statistics.median(pair[1] for pair in pairs)
                print(f"{kind:42} {cpu:7.2f} µs of CPU per request {rate:12,.0f} requests/s")
        finally:
            subprocess.run([given.bimodal, "down", "--home", home], check=False, capture_output=True)


if __name__ == "__main__":
    main()
