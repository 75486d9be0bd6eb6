"""Goal 13: hot reload of `bimodal serve`, from the file's being saved until the new code answers."""

import re
import statistics
import time

from client_time import start_s
from daemons import folder, has_full_reserve, started
from support.apps import write_hello
from support.waiting import eventually

from goals.rows import Context, Row, spread_of

GOALS = (13,)
RELOADS, QUICK_RELOADS = 15, 4
# After a reload the client watches the file again only when it has published, and doesn't say when.
WATCHING_S = 1.0
MUST_S, AIM_S = 1.5, 0.7


def measure(context: Context) -> list[Row]:
    with started(context) as daemon, folder() as scripts:
        times = reload_times(daemon, scripts, QUICK_RELOADS if context.quick else RELOADS)
        starts = [int(took) for took in re.findall(r"warm after (\d+) ms, started from the reserve", daemon.log())]
        client = start_s(daemon, context.python)
    half = len(times) // 2
    return [
        Row(
            goal=13,
            what="hot reload, file saved to new code answers",
            unit="s",
            figure=statistics.median(times),
            spread=spread_of([statistics.median(times[:half]), statistics.median(times[half:])]),
            must=MUST_S,
            aim=AIM_S,
            note=f"{len(times)} reloads, {min(times):.2f} to {max(times):.2f} s",
        ),
        Row(goal=13, what="of it, the new container's start", unit="s", figure=statistics.median(starts) / 1000),
        Row(goal=13, what="client's start alone (--version)", unit="s", figure=client),
    ]


def reload_times(daemon, scripts, count: int) -> list[float]:
    times = []
    with daemon.serve(write_hello(scripts, "version 0")) as serving:
        (url,) = serving.urls
        eventually(lambda: answers(daemon, url, "version 0"), 60, "the first version")
        for number in range(1, count + 1):
            text = f"version {number}"
            eventually(lambda: has_full_reserve(daemon), 60, "a full reserve")
            time.sleep(WATCHING_S)
            write_hello(scripts, text)
            saved = time.monotonic()
            eventually(lambda: answers(daemon, url, text), 20, text)  # noqa: B023
            times.append(time.monotonic() - saved)
    return times


def answers(daemon, url: str, text: str) -> bool:
    answer = daemon.get(url)
    return answer.status_code == 200 and answer.json() == text
