"""Goal 8: 1, 10 and 100 cold requests at once, and 3 beside them, to the last byte, against the fork floor of the same number
(cold/floor.py)."""

import statistics

from cold.apps import BURST
from cold.bursts import Bursts, floor_ms
from cold.floor import Floor
from daemons import Stopper, folder, started
from support.apps import write

from goals.rows import Context, Row, spread_of

GOALS = (8,)
COUNTS = (1, 3, 10, 100)
JUDGED = (1, 10, 100)
MUST, AIM = 1.6, 1.2
ROUNDS = {1: 15, 3: 9, 10: 7, 100: 3}  # a single start is short, and says little
QUICK_ROUNDS = {1: 5, 3: 5, 10: 3, 100: 1}


def measure(context: Context) -> list[Row]:
    # A hundred containers may ask for more than the host has.
    with started(context, BIMODAL_HOST_MEMORY="100GiB") as daemon, folder() as scripts:
        (url,) = daemon.deploy(write(scripts, BURST, "burst"))
        rows = []
        with (
            Stopper(daemon, context) as stopper,
            Floor(context.python, "fastapi") as floor,
            Floor(context.python) as bare_floor,
        ):
            bursts = Bursts(daemon, stopper, url)
            for count in COUNTS:
                rounds = (QUICK_ROUNDS if context.quick else ROUNDS)[count]
                rows += measure_count(bursts, floor, bare_floor, count, rounds)
        return rows


def measure_count(bursts: Bursts, floor: Floor, bare_floor: Floor, count: int, rounds: int) -> list[Row]:
    measured = {
        "ours": lambda: bursts.each_its_container_ms(count),
        "floor": lambda: floor_ms(floor, count),
        "bare": lambda: floor_ms(bare_floor, count),
        "any": lambda: bursts.any_container_ms(count),
    }
    times: dict[str, list[float]] = {name: [] for name in measured}
    for number in range(rounds):
        for name in list(measured) if number % 2 == 0 else reversed(measured):
            times[name].append(measured[name]())
    medians = {name: statistics.median(found) for name, found in times.items()}
    note = f"{rounds} rounds, {min(times['ours']):.1f} to {max(times['ours']):.1f} ms"
    common = dict(goal=8, unit="ms", figure=medians["ours"])
    return [
        Row(
            what=f"{count} at once, a container each",
            peer="fork floor",
            peer_figure=medians["floor"],
            spread=spread_of(times["ours"]) / rounds**0.5,
            must=MUST if count in JUDGED else None,
            aim=AIM if count in JUDGED else None,
            note=note,
            **common,
        ),
        Row(
            what=f"{count} at once, a container each",
            peer="fork floor, bare Python",
            peer_figure=medians["bare"],
            **common,
        ),
        Row(goal=8, what=f"{count} at once, any container", unit="ms", figure=medians["any"]),
    ]
