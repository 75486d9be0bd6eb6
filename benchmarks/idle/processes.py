"""Which processes a daemon has, and the processor time that they have taken."""

import contextlib
from collections.abc import Iterable
from pathlib import Path


def tree(root: int) -> list[int]:
    """That process and all below it. Those that end meanwhile are left out."""
    found = [root]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, task.read_text().split())
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """Seconds on a CPU of all their threads (field 1 of schedstat)."""
    spent = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                spent += int(task.read_text().split()[0])
    return spent / 1e9
