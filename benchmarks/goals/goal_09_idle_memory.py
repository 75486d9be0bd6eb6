"""Goal 9: the memory that one more idle container costs, after it has served a request."""

import statistics

from cold import peer
from idle.containers import idle_containers, memory_in_reserve, memory_of_each

from goals.rows import Context, Row, spread_of

GOALS = (9,)
CONTAINERS, QUICK_CONTAINERS = 20, 8
PEERS = 3
MUST_MB, AIM_MB = 8, 5
MB = 2**20


def measure(context: Context) -> list[Row]:
    with idle_containers(context, QUICK_CONTAINERS if context.quick else CONTAINERS) as (daemon, _):
        sizes = [size / MB for size in memory_of_each(daemon)]
        waiting = [size / MB for size in memory_in_reserve(daemon)]
    median = statistics.median(sizes)
    half = len(sizes) // 2
    judged = Row(
        goal=9,
        what="idle container, memory of its own (USS)",
        unit="MiB",
        figure=median,
        spread=spread_of([statistics.median(sizes[:half]), statistics.median(sizes[half:])]),
        must=MUST_MB,
        aim=AIM_MB,
        note=f"{len(sizes)} containers, {min(sizes):.1f} to {max(sizes):.1f} MiB, each with its init",
    )
    return [judged, *reserve_rows(waiting), *beside(median)]


def reserve_rows(sizes: list[float]) -> list[Row]:
    """What of it is there before: forked, and after the client's entrypoint up to the user's code."""
    named = {"in reserve, forked only": sizes[:1], "in reserve, parked": sizes[1:][-1:]}
    return [Row(goal=9, what=what, unit="MiB", figure=found[0]) for what, found in named.items() if found]


def beside(ours: float) -> list[Row]:
    if not peer.is_installed():
        return []
    theirs = peer.memory_of_several(PEERS) / MB
    note = f"median of {PEERS} that run side by side"
    common = dict(goal=9, what="idle container beside a peer", unit="MiB", peer="bwrap + uvicorn", note=note)
    return [Row(figure=ours, peer_figure=theirs, **common)]
