"""Goal 12: what 50 idle containers and 1,000 idle connections take of a core."""

import statistics
import time

from cold.callers import Caller
from idle.containers import idle_containers
from idle.processes import cpu_s, tree

from goals.rows import Context, Row, spread_of

GOALS = (12,)
CONTAINERS, CONNECTIONS = 50, 1000
SETTLE_S = 5.0  # what was begun ends
WINDOWS, WINDOW_S, QUICK_WINDOW_S = 3, 20.0, 5.0
MUST, AIM = 0.5, 0.1  # percent of a core


def measure(context: Context) -> list[Row]:
    with idle_containers(context, CONTAINERS) as (daemon, url):
        callers = [Caller(url) for _ in range(CONNECTIONS)]
        for caller in callers:
            caller.first_byte()
        time.sleep(SETTLE_S)
        pid = daemon.info["pid"]
        parts = {"all processes": tree(pid), "daemon alone": [pid]}
        shares = watch(parts, QUICK_WINDOW_S if context.quick else WINDOW_S)
        for caller in callers:
            caller.close()
    all_of_them, alone = shares.values()
    what = f"{CONTAINERS} idle containers, {CONNECTIONS} idle connections"
    return [
        Row(
            goal=12,
            what=what,
            unit="% of a core",
            figure=statistics.median(all_of_them),
            spread=spread_of(all_of_them),
            must=MUST,
            aim=AIM,
            note="daemon, launcher, containers, reserve; windows: "
            + ", ".join(f"{share:.3f}" for share in all_of_them),
        ),
        Row(goal=12, what=f"{what}, the daemon alone", unit="% of a core", figure=statistics.median(alone)),
    ]


def watch(parts: dict[str, list[int]], seconds: float) -> dict[str, list[float]]:
    """Percent of a core in each of WINDOWS, one after the other."""
    shares: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(WINDOWS):
        before, began = {name: cpu_s(pids) for name, pids in parts.items()}, time.monotonic()
        time.sleep(seconds)
        after, took = {name: cpu_s(pids) for name, pids in parts.items()}, time.monotonic() - began
        for name in parts:
            shares[name].append((after[name] - before[name]) / took * 100)
    return shares
