"""Goals 1 and 2: raw ASGI through the whole platform, beside nginx + uvicorn and beside servers without any gateway."""

from load.bimodal import Bimodal
from load.peers import commands
from load.rounds import compare, starters
from load.workloads import RAW

from goals.comparisons import Bound, cpu_rows
from goals.rows import Context, Row

GOALS = (1, 2)
BOUNDS = [
    Bound(1, "nginx + uvicorn", must=0.50, aim=0.26),
    Bound(2, "granian", must=1.0, aim=0.75, candidates=("granian st", "granian mt")),
    Bound(2, "peregrine", must=1.0, aim=0.75),
]
PEERS = ["uvicorn", "nginx + uvicorn", "granian st", "granian mt", "peregrine", "fastpysgi"]
QUICK = ["nginx + uvicorn", "granian st", "peregrine"]
COMMANDS = commands(RAW)


def measure(context: Context) -> list[Row]:
    with Bimodal(context) as bimodal:
        return cpu_rows(
            compare(context, RAW, starters(context, bimodal, RAW, QUICK if context.quick else PEERS)), BOUNDS
        )
