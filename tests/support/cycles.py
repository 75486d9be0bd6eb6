"""Containers that start, answer once and go, and what they leave in the daemon and on its host."""

import os
from pathlib import Path

from support.apps import write
from support.waiting import eventually

APP = """
import modal

app = modal.App("cycles")


@app.function(single_use_containers=True)
def hello(number):
    import os

    return os.environ["MODAL_TASK_ID"]
"""


class Holdings:
    """What the daemon's processes and its host hold for it."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.processes = [daemon.info["pid"], *children_of(daemon.info["pid"])[:1]]  # itself and its launcher

    def now(self) -> dict[str, int]:
        leaks = self.daemon.leaks
        return {
            "descriptors": sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.processes),
            "kilobytes": sum(resident(pid) for pid in self.processes),
            "threads": sum(len(os.listdir(f"/proc/{pid}/task")) for pid in self.processes),
            "processes": len(leaks.processes()),
            "mounts": len(leaks.mounts()),
            "cgroups": len(leaks.cgroups()),
            "interfaces": len(leaks.links()),
            "files": sum(1 for _ in (self.daemon.home / "run").rglob("*")),
        }


def children_of(pid: int) -> list[int]:
    return sorted(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def resident(pid: int) -> int:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])


def is_quiet(daemon) -> bool:
    """No container runs, and the reserve is full, which it is a moment after the last start."""
    reserve = sorted(standby["state"] for standby in daemon.status()["standbys"])
    return not daemon.containers() and reserve == ["parked", "ready", "ready"]


CALLS = """
import modal

hello = modal.Function.from_name("cycles", "hello")
for number in range({count}):
    print(hello.remote(number))
"""


_AT_A_TIME = 200  # calls of one client, which has four minutes


def run_cycles(
    daemon, folder: Path, cycles: int, warm_up: int, report=lambda done, held: None
) -> tuple[dict[str, int], dict[str, int]]:
    """What is held after `warm_up` containers, and after `cycles` more. `report` hears of some on the way."""
    daemon.deploy(write(folder, APP, "cycles"))
    seen = set()

    def cycle(count: int) -> dict[str, int]:
        done = daemon.python(CALLS.format(count=count))
        assert done.status == 0, done.output
        seen.update(done.output.split())
        eventually(lambda: is_quiet(daemon), 90, "no container, and a full reserve")
        return Holdings(daemon).now()

    before = after = cycle(warm_up)
    for done in range(0, cycles, _AT_A_TIME):
        after = cycle(min(_AT_A_TIME, cycles - done))
        report(len(seen) - warm_up, after)
    assert len(seen) == warm_up + cycles  # each in a container of its own
    return before, after
