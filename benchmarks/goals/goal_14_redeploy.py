"""Goal 14: a deployment again, with nothing changed and with one line changed: the whole of `bimodal deploy`."""

import statistics
import time

from client_time import start_s
from daemons import folder, has_full_reserve, started
from support.apps import write_hello
from support.waiting import eventually

from goals.goal_13_reload import answers
from goals.rows import Context, Row, spread_of

GOALS = (14,)
ROUNDS, QUICK_ROUNDS = 10, 4
MUST_S = {"nothing changed": 1.0, "one line changed": 2.0}


def measure(context: Context) -> list[Row]:
    rounds = QUICK_ROUNDS if context.quick else ROUNDS
    times: dict[str, list[float]] = {kind: [] for kind in MUST_S}
    until_answer = []
    with started(context) as daemon, folder() as scripts:
        (url,) = daemon.deploy(write_hello(scripts, "version 0"))
        for number in range(rounds):
            text = f"version {number}"
            script = write_hello(scripts, text)
            began = time.monotonic()
            times["one line changed"].append(deploy_s(daemon, script))
            eventually(lambda: answers(daemon, url, text), 20, text)  # noqa: B023
            until_answer.append(time.monotonic() - began)
            eventually(lambda: has_full_reserve(daemon), 60, "a full reserve")
            times["nothing changed"].append(deploy_s(daemon, script))
        client = start_s(daemon, context.python)
    rows = [judged(kind, found) for kind, found in times.items()]
    what = "one line, until new code answers"
    rows.append(Row(goal=14, what=what, unit="s", figure=statistics.median(until_answer)))
    rows.append(Row(goal=14, what="client's start alone (--version)", unit="s", figure=client))
    return rows


def deploy_s(daemon, script) -> float:
    began = time.monotonic()
    daemon.deploy(script)
    return time.monotonic() - began


def judged(kind: str, times: list[float]) -> Row:
    half = len(times) // 2
    return Row(
        goal=14,
        what=f"redeploy, {kind}",
        unit="s",
        figure=statistics.median(times),
        spread=spread_of([statistics.median(times[:half]), statistics.median(times[half:])]),
        must=MUST_S[kind],
        note=f"{len(times)} deployments, {min(times):.2f} to {max(times):.2f} s",
    )
