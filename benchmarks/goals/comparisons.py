"""Rows from a comparison under load: the judged ones, and the other peers, rates and latencies beside them."""

from __future__ import annotations

import dataclasses

from load.rounds import AGAIN, OURS, Comparison, Series

from goals.rows import Better, Row


@dataclasses.dataclass(frozen=True)
class Bound:
    """A goal: Bimodal's CPU per request by that of `peer`, the name of a server or of what several ones stand for."""

    goal: int
    peer: str
    must: float
    aim: float
    candidates: tuple[str, ...] = ()  # the best of these is the peer; none: `peer` itself


def best(comparison: Comparison, names: tuple[str, ...]) -> str | None:
    """The one that spends the least CPU, of those that have figures."""
    found = {name: comparison.series[name].median("cpu_us") for name in names if name in comparison.series}
    found = {name: cpu for name, cpu in found.items() if cpu is not None}
    return min(found, key=found.get) if found else None


def cpu_rows(comparison: Comparison, bounds: list[Bound]) -> list[Row]:
    """A judged row for each bound, then everything else that was measured, with the first bound's goal."""
    rows = [judged(comparison, bound) for bound in bounds]
    judged_peers = {row.peer for row in rows}
    goal = bounds[0].goal
    for name, series in comparison.series.items():
        if name != OURS and name not in judged_peers:
            rows.append(cpu_row(comparison, goal, name, series))
    return [*rows, *rate_rows(comparison, goal), *latency_rows(comparison, goal)]


def what(comparison: Comparison) -> str:
    return f"{comparison.workload.name}: CPU per request"


def judged(comparison: Comparison, bound: Bound) -> Row:
    name = best(comparison, bound.candidates or (bound.peer,))
    if comparison.ours.failure or name is None:
        failures = [comparison.ours.failure] + [
            comparison.series[one].failure for one in bound.candidates or (bound.peer,) if one in comparison.series
        ]
        why = "; ".join(failure.splitlines()[0][:200] for failure in failures if failure) or f"no {bound.peer}"
        return Row(bound.goal, what(comparison), "us", None, peer=bound.peer, note=why)
    row = cpu_row(comparison, bound.goal, name, comparison.series[name])
    return dataclasses.replace(row, must=bound.must, aim=bound.aim)


def cpu_row(comparison: Comparison, goal: int, name: str, series: Series) -> Row:
    note = series.failure.partition("\n")[0][:200] if series.failure else "noise of the run" if name == AGAIN else ""
    return Row(
        goal,
        what(comparison),
        "us",
        comparison.ours.median("cpu_us"),
        peer=name,
        peer_figure=series.median("cpu_us"),
        spread=comparison.noise,
        note=note,
    )


def rate_rows(comparison: Comparison, goal: int) -> list[Row]:
    """Requests per second on one CPU; void ones, where the generator was the bottleneck, are left out."""
    ours, rows = comparison.ours, []
    for name, series in comparison.series.items():
        if name in (OURS, AGAIN) or series.is_rate_void or ours.is_rate_void or not series.full:
            continue
        mine, theirs = ours.median("per_second"), series.median("per_second")
        rows.append(
            Row(
                goal,
                f"{comparison.workload.name}: requests per second",
                "1/s",
                mine,
                name,
                theirs,
                better=Better.HIGHER,
            )
        )
    return rows


def latency_rows(comparison: Comparison, goal: int) -> list[Row]:
    workload, rows = comparison.workload, []
    for name, series in comparison.series.items():
        mine, theirs = comparison.ours.median("p99_us", "paced"), series.median("p99_us", "paced")
        if name not in (OURS, AGAIN) and mine is not None and theirs is not None:
            label = f"{workload.name}: p99 at {workload.offered_per_s:.0f}/s"
            rows.append(Row(goal, label, "us", mine, name, theirs))
    return rows
