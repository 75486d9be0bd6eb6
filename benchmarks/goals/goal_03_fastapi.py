"""Goal 3: a FastAPI endpoint through the whole platform, beside nginx + uvicorn."""

from load.bimodal import Bimodal
from load.peers import commands
from load.rounds import compare, starters
from load.workloads import FASTAPI

from goals.comparisons import Bound, cpu_rows
from goals.rows import Context, Row

GOALS = (3,)
BOUNDS = [Bound(3, "nginx + uvicorn", must=0.62, aim=0.57)]
PEERS = ["uvicorn", "nginx + uvicorn", "granian st", "peregrine"]
QUICK = ["nginx + uvicorn"]
COMMANDS = commands(FASTAPI)


def measure(context: Context) -> list[Row]:
    with Bimodal(context) as bimodal:
        starts = starters(context, bimodal, FASTAPI, QUICK if context.quick else PEERS)
        return cpu_rows(compare(context, FASTAPI, starts), BOUNDS)
