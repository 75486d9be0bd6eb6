"""Goal 11: the 99th percentile of waiting for a slot, beside one ideal queue before all slots.

Simulated by the scheduler's own test with the real Pool, so that the figure is exact and the same in each run.
"""

import re
import subprocess

from goals.rows import Context, Row

GOALS = (11,)
MUST, AIM = 1.10, 1.05
LINE = re.compile(r"^(\S.*?) +(\d+) x (\d+), load ([\d.]+): ([\d.]+) s, ideal ([\d.]+) s$", re.MULTILINE)


def measure(context: Context) -> list[Row]:
    program = context.build / "engine/scheduler/scheduler_test"
    done = subprocess.run([program, "--gtest_filter=CentralQueue.*"], capture_output=True, text=True, timeout=300)
    found = ratios(done.stdout)
    if not found:
        raise RuntimeError(f"{program} told no waiting times: {done.stdout[-300:]}{done.stderr[-300:]}")
    worst = max(found, key=found.get)
    note = f"worst of {len(found)} traces: {worst}; simulated time"
    what = "p99 of waiting, by that of an ideal central queue"
    return [Row(11, what, "of the ideal", found[worst], spread=0.0, must=MUST, aim=AIM, note=note)]


def ratios(told: str) -> dict[str, float]:
    """By trace. Where nobody waits in an ideal queue, 1 if nobody waits in ours."""
    found = {}
    for kind, containers, slots, load, ours, ideal in LINE.findall(told):
        ratio = float(ours) / float(ideal) if float(ideal) else 1.0 if not float(ours) else float("inf")
        found[f"{kind}, {containers} x {slots}, load {load}"] = ratio
    return found
