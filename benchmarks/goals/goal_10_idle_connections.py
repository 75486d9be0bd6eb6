"""Goal 10: memory of an idle keep-alive connection and of an idle WebSocket in the gateway, beside nginx and uvicorn."""

import statistics

from load import peers
from load.bimodal import Bimodal
from load.crowd import bytes_each
from load.workloads import RAW, WEBSOCKET, Workload

from goals.rows import Context, Row, spread_of

GOALS = (10,)
# name, workload, connections of before, of each batch, must, aim; a container takes 1,000 WebSockets at most
KINDS = (
    ("idle keep-alive connection", RAW, 500, 1500, 1024, 250),
    ("idle WebSocket", WEBSOCKET, 100, 400, 4096, 1024),
)
BATCHES = 2
PEERS = ("nginx + uvicorn", "uvicorn")
COMMANDS = {name: command for name, command in peers.commands(RAW).items() if name in PEERS}


def measure(context: Context) -> list[Row]:
    rows = []
    with Bimodal(context) as bimodal:
        for what, workload, base, count, must, aim in KINDS:
            with bimodal.start(workload) as target:
                ours = bytes_each(target, workload, base, count, BATCHES, target.roots[0], alone=True)
            common = dict(
                goal=10,
                what=f"{what}, in the gateway",
                unit="B",
                figure=statistics.median(ours),
                spread=spread_of(ours),
            )
            rows.append(Row(**common, must=must, aim=aim, note=f"{count} of them, twice; the daemon's own memory"))
            for name in PEERS:
                theirs = peer_bytes(context, name, workload, base, count)
                rows.append(Row(**common, peer=name, peer_figure=theirs, note=note_of(name)))
    return rows


def note_of(name: str) -> str:
    return "nginx alone; what it allocates at its start isn't in it" if name.startswith("nginx") else ""


def peer_bytes(context: Context, name: str, workload: Workload, base: int, count: int) -> float:
    """Of the server that callers see: of nginx + uvicorn the former."""
    (peer,) = [one for one in peers.PEERS if one.name == name]
    with peers.start(peer, workload, context.peers) as target:
        return statistics.median(bytes_each(target, workload, base, count, BATCHES, target.roots[-1], alone=False))
