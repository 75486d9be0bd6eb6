"""Goal 4: what the gateway's hop costs by itself, beside nginx as a proxy."""

from load import gateway_hop

from goals.comparisons import Bound, cpu_rows
from goals.rows import Context, Row

GOALS = (4,)
BOUNDS = [Bound(4, "nginx", must=0.80, aim=0.50)]
COMMANDS = gateway_hop.COMMANDS


def measure(context: Context) -> list[Row]:
    return cpu_rows(gateway_hop.measure(context), BOUNDS)
