"""Goal 5: Flask through the whole platform, beside the best of the WSGI servers, each without any gateway."""

from load.bimodal import Bimodal
from load.peers import commands, serving
from load.rounds import compare, starters
from load.workloads import FLASK

from goals.comparisons import Bound, cpu_rows
from goals.rows import Context, Row

GOALS = (5,)
BOUNDS = [Bound(5, "the best WSGI server", must=1.0, aim=0.75, candidates=tuple(one.name for one in serving(FLASK)))]
QUICK = ["peregrine, WSGI", "fastpysgi, WSGI"]
COMMANDS = commands(FLASK)


def measure(context: Context) -> list[Row]:
    with Bimodal(context) as bimodal:
        starts = starters(context, bimodal, FLASK, QUICK if context.quick else None)
        return cpu_rows(compare(context, FLASK, starts), BOUNDS)
