"""Goal 7: a cold start, FastAPI in a full sandbox, from request to first byte, when nothing of the app runs."""

import statistics

from cold import peer
from cold.starts import parked_ms, percentile, phases_ms, snapshot_ms, unprepared_ms

from goals.rows import Context, Row, not_measured

GOALS = (7,)
COMMANDS = {"bwrap + uvicorn": peer.COMMAND}
MUST_MS, AIM_MS = {50: 15, 99: 30}, {50: 5, 99: 15}
STARTS, QUICK_STARTS = 200, 40
SLOW_STARTS = 15  # of those that take long
BLOCKS = 5


def measure(context: Context) -> list[Row]:
    times = parked_ms(context, QUICK_STARTS if context.quick else STARTS)
    return [judged(times, 50), judged(times, 99), *beside(context, statistics.median(times))]


def judged(times: list[float], percent: int) -> Row:
    return Row(
        goal=7,
        what=f"cold start, p{percent}",
        unit="ms",
        figure=percentile(times, percent),
        spread=spread_of_blocks(times, percent),
        must=MUST_MS[percent],
        aim=AIM_MS[percent],
        note=f"{len(times)} starts, {min(times):.1f} to {max(times):.1f} ms",
    )


def spread_of_blocks(times: list[float], percent: int) -> float:
    """How far equal parts of the series lie apart, relative to the whole, without the best and the worst part: one stray
    start says nothing of the next run."""
    size = len(times) // BLOCKS
    found = sorted(percentile(times[i * size : (i + 1) * size], percent) for i in range(BLOCKS))
    return (found[-2] - found[1]) / percentile(times, percent)


def beside(context: Context, ours_ms: float) -> list[Row]:
    if not peer.is_installed():
        why = "bwrap isn't installed: apt-get install bubblewrap"
        return [not_measured(7, "cold start beside bwrap + uvicorn", why)]
    rows = [peer_row(ours_ms)]
    if context.quick:
        return rows
    for phase, spans in phases_ms(context, SLOW_STARTS).items():
        rows.append(beside_row(f"of a start: {phase}", spans))
    for what, measured in (("with a memory snapshot", snapshot_ms), ("without a reserve", unprepared_ms)):
        rows.append(beside_row(f"{what}, p50", measured(context, SLOW_STARTS)))
    return rows


def beside_row(what: str, times: list[float]) -> Row:
    note = f"{len(times)} starts, {min(times):.1f} to {max(times):.1f} ms"
    return Row(goal=7, what=what, unit="ms", figure=statistics.median(times), note=note)


def peer_row(ours_ms: float) -> Row:
    theirs = [peer.start_once() for _ in range(SLOW_STARTS)]
    note = f"{len(theirs)} starts, {min(theirs):.1f} to {max(theirs):.1f} ms"
    what, name = "cold start beside a peer, p50", "bwrap + uvicorn"
    return Row(
        goal=7, what=what, unit="ms", figure=ours_ms, peer=name, peer_figure=statistics.median(theirs), note=note
    )
