"""What the official client's command takes by itself: most of a deployment or a reload is its Python's start."""

import statistics
import time

from support.command import run

STARTS = 5


def start_s(daemon, python) -> float:
    """Median of a command that asks the daemon nothing."""

    def once() -> float:
        began = time.monotonic()
        assert run([python, "-m", "modal", "--version"], daemon.client_environment).status == 0
        return time.monotonic() - began

    return statistics.median(once() for _ in range(STARTS))
