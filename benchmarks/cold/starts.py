"""Starts one after the other, each from zero containers: request to first byte over a connection that exists already."""

from daemons import Stopper, folder, is_parked, started
from goals.rows import Context
from support.apps import write
from support.waiting import eventually

from cold.apps import HELLO, SNAPPED
from cold.callers import Caller

RESERVE = 16  # containers


def parked_ms(context: Context, count: int) -> list[float]:
    """As it is by default but for the size of the reserve: a container is parked where the user's code begins."""
    return starts_ms(context, HELLO, RESERVE, count)


def snapshot_ms(context: Context, count: int) -> list[float]:
    """With enable_memory_snapshot=True."""
    return starts_ms(context, SNAPPED, RESERVE, count)


def unprepared_ms(context: Context, count: int) -> list[float]:
    """Without a reserve: sandbox, Python, client, framework and application from the beginning."""
    return starts_ms(context, HELLO, 0, count)


def starts_ms(context: Context, app: str, reserve: int, count: int) -> list[float]:
    with started(context, BIMODAL_STANDBY=str(reserve)) as daemon, folder() as scripts:
        (url,) = daemon.deploy(write(scripts, app, "cold"))
        assert daemon.get(url).json() == "hello"
        caller, times = Caller(url), []
        with Stopper(daemon, context) as stopper:
            for _ in range(count):
                stopper.stop_all()
                if reserve:
                    eventually(lambda: is_parked(daemon), 60, "one parked")
                times.append(caller.first_byte_ms())
        caller.close()
        return times


def percentile(values: list[float], percent: int) -> float:
    """The smallest value that `percent` of all don't exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
