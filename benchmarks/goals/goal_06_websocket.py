"""Goal 6: a WebSocket's echo through the whole platform, beside uvicorn alone."""

from load.bimodal import Bimodal
from load.peers import commands
from load.rounds import compare, starters
from load.workloads import WEBSOCKET

from goals.comparisons import Bound, cpu_rows
from goals.rows import Context, Row

GOALS = (6,)
BOUNDS = [Bound(6, "uvicorn", must=0.60, aim=0.33)]
PEERS = ["uvicorn", "granian st", "peregrine"]
QUICK = ["uvicorn"]
COMMANDS = commands(WEBSOCKET)


def measure(context: Context) -> list[Row]:
    with Bimodal(context) as bimodal:
        starts = starters(context, bimodal, WEBSOCKET, QUICK if context.quick else PEERS)
        return cpu_rows(compare(context, WEBSOCKET, starts), BOUNDS)
