"""Goal 15: plain calls between containers: the round trip of `.remote()`, inputs of a `.map()` per second."""

import json
import statistics
from pathlib import Path

from daemons import started

from goals.rows import Better, Context, Row, spread_of

GOALS = (15,)
APP = Path(__file__).parents[1] / "calls/app.py"
ROUNDS, QUICK_ROUNDS = 5, 2
# Sizes of a round: calls, inputs, items.
COUNTS = {"round_trip_ms": 300, "map_inputs_per_s": 3000, "generator_items_per_s": 20_000}
WARM_UP = {"round_trip_ms": 20, "map_inputs_per_s": 200, "generator_items_per_s": 10}

CALL = """
import json, modal
print("figure", json.dumps(modal.Function.from_name("bench-calls", "{name}").remote({count})))
"""


def measure(context: Context) -> list[Row]:
    with started(context) as daemon:
        daemon.deploy(APP)
        for name, count in WARM_UP.items():
            ask(daemon, name, count)
        figures: dict[str, list[float]] = {name: [] for name in COUNTS}
        for _ in range(QUICK_ROUNDS if context.quick else ROUNDS):
            for name, count in COUNTS.items():
                figures[name].append(ask(daemon, name, count))
    trips, inputs, items = figures.values()
    return [
        row(".remote() between containers, p50", "ms", trips, must=10, aim=3),
        row(".map() from a container, over 4 containers", "inputs/s", inputs, must=500, aim=2000, better=Better.HIGHER),
        row(".remote_gen() between containers", "items/s", items, better=Better.HIGHER),
    ]


def ask(daemon, name: str, count: int) -> float:
    done = daemon.python(CALL.format(name=name, count=count))
    assert done.status == 0, done.output
    return json.loads(done.output.rpartition("figure ")[2])


def row(what: str, unit: str, rounds: list[float], **bounds) -> Row:
    note = f"{len(rounds)} rounds, {min(rounds):.4g} to {max(rounds):.4g} {unit}"
    spread = spread_of(rounds) / len(rounds) ** 0.5
    return Row(goal=15, what=what, unit=unit, figure=statistics.median(rounds), spread=spread, note=note, **bounds)
