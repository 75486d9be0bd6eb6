"""Starts and stops containers, one after the other, and tells what has grown.

    python benchmarks/cycles/run.py [--cycles 10000]

Needs what the outer tests need (tests/requirements.txt, BIMODAL_TEST_LAYERS).
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from support.cycles import run_cycles  # noqa: E402
from support.daemon import Daemon  # noqa: E402


def report(done: int, held: dict[str, int]):
    print(f"{done:6} cycles  " + "  ".join(f"{name} {count}" for name, count in held.items()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=10_000)
    cycles = parser.parse_args().cycles
    daemon = Daemon().start()
    try:
        with tempfile.TemporaryDirectory(prefix="bm-app-") as folder:
            began = time.perf_counter()
            before, after = run_cycles(daemon, Path(folder), cycles, min(100, cycles), report)
            seconds = time.perf_counter() - began
    finally:
        daemon.close()
    print(f"{cycles} cycles in {seconds:.0f} s")
    for name, count in before.items():
        print(f"{name:12} {count:9} -> {after[name]:9}  {after[name] - count:+}")


if __name__ == "__main__":
    main()
