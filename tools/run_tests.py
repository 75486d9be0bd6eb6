"""Runs pytest; a few tests that fail get one second attempt, in a new process, and are named.

    python tools/run_tests.py [-options as one word each] FOLDER...

Timing on a shared machine makes one test in thousands fail now and then. A defect fails twice; more than MOST_AGAIN failures
aren't chance and get no second attempt. Exits with pytest's code, of the second attempt where there was one.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

MOST_AGAIN = 3


class Failures:
    """A plugin that keeps the names of failed tests, in order, each once."""

    def __init__(self):
        self.names: dict[str, None] = {}

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.names[report.nodeid] = None


def run(words: list[str], failed: Path) -> int:
    """One attempt, in this process. Writes the failed tests' names into `failed`, one a line."""
    import pytest

    failures = Failures()
    code = pytest.main(words, plugins=[failures])
    failed.write_text("".join(name + "\n" for name in failures.names))
    return int(code)


def attempt(words: list[str], failed: Path) -> int:
    return subprocess.run([sys.executable, __file__, "--attempt", failed, *words], check=False).returncode


def main(words: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="bm-tests-") as folder:
        failed = Path(folder, "failed")
        code = attempt(words, failed)
        names = failed.read_text().splitlines() if failed.exists() else []
        if code != 1 or not 0 < len(names) <= MOST_AGAIN:
            return code
        print(f"second attempt: {' '.join(names)}", flush=True)
        code = attempt([*(word for word in words if word.startswith("-")), *names], failed)
        if code == 0:
            print(f"passed at the second attempt only: {' '.join(names)}", flush=True)
        return code


if __name__ == "__main__":
    if sys.argv[1:2] == ["--attempt"]:
        sys.exit(run(sys.argv[3:], Path(sys.argv[2])))
    sys.exit(main(sys.argv[1:]))
