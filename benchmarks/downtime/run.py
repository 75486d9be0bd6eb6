"""The long form of tests/integration/test_zero_downtime.py: ends with "0 failed of N", N of 20,000 or more.

    python benchmarks/downtime/run.py [--rate 120] [--deploys 10]

Needs what the outer tests need (tests/requirements.txt, BIMODAL_TEST_LAYERS).
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from support.daemon import Daemon  # noqa: E402
from support.downtime import Downtime  # noqa: E402

LEAST = 20_000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=120, help="requests per second")
    parser.add_argument("--deploys", type=int, default=10)
    options = parser.parse_args()
    daemon = Daemon().start()
    try:
        with tempfile.TemporaryDirectory(prefix="bm-app-") as folder:
            steady = Downtime(daemon, Path(folder))
            with steady.begin(options.rate) as load:
                for number in range(options.deploys):
                    steady.redeploy("--strategy", ("rolling", "recreate")[number % 2])
                    steady.scale(number % 3 + 1)
                steady.replace_daemon()
                steady.roll_back()
                steady.redeploy()
                steady.roll_over()
                steady.stop_a_container()
                for _ in range(3):
                    steady.kill_a_container()
                    steady.exhaust_memory()
                steady.replace_daemon()
                steady.judge(load.finish(at_least=LEAST))
    finally:
        daemon.close()


if __name__ == "__main__":
    main()
