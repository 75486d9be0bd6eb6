"""Starts one after the other, each from zero containers and a full reserve, as it is long after an app was used last: request to
first byte over a connection that exists already."""

import re

from daemons import READY, Stopper, folder, reserve, started
from goals.rows import Context
from support.apps import write
from support.waiting import eventually

from cold.apps import HELLO, SNAPPED
from cold.callers import Caller

FULL = ["parked"] + ["ready"] * READY


def parked_ms(context: Context, count: int) -> list[float]:
    """As it is by default: a container is parked where the user's code begins."""
    return times(starts(context, HELLO, count))


def snapshot_ms(context: Context, count: int) -> list[float]:
    """With enable_memory_snapshot=True."""
    return times(starts(context, SNAPPED, count))


def unprepared_ms(context: Context, count: int) -> list[float]:
    """Without a reserve: sandbox, Python, client, framework and application from the beginning."""
    return times(starts(context, HELLO, count, BIMODAL_STANDBY="0"))


def phases_ms(context: Context, count: int) -> dict[str, list[float]]:
    """Of starts like those of parked_ms(): how long each phase took, as the daemon tells (docs/operating.md)."""
    found: dict[str, list[float]] = {}
    for _, answer in starts(context, HELLO, count, BIMODAL_COLD_START_HEADER="true"):
        told = re.search(rb"bimodal-cold-start: (\S+)", answer)
        for phase in told[1].decode().split(";"):
            name, _, span = phase.partition("=")
            found.setdefault(name, []).append(float(span))
    return found


def starts(context: Context, app: str, count: int, **settings: str) -> list[tuple[float, bytes]]:
    """Milliseconds and answer of each."""
    with started(context, **settings) as daemon, folder() as scripts:
        (url,) = daemon.deploy(write(scripts, app, "cold"))
        assert daemon.get(url).json() == "hello"
        caller, found = Caller(url), []
        with Stopper(daemon, context) as stopper:
            for _ in range(count):
                stopper.stop_all()
                if settings.get("BIMODAL_STANDBY") != "0":
                    eventually(lambda: reserve(daemon) == FULL, 60, "a full reserve, one parked")
                found.append(caller.first_byte())
        caller.close()
        return found


def times(found: list[tuple[float, bytes]]) -> list[float]:
    return [taken for taken, _ in found]


def percentile(values: list[float], percent: int) -> float:
    """The smallest value that `percent` of all don't exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
