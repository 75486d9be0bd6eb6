"""`make bench`: measures every goal beside its peers and writes what it found.

    python benchmarks/run.py [--quick] [--goals 7 8 ...] [--rounds 5] [--seconds 8]

Goal modules (benchmarks/goals/goal_*.py) run one after the other, each bounded in time; one that fails is a row "not measured"
with the reason. Writes results/<date>.json, .md and a picture for each goal in results/<date>/. With --goals, what other
goals had found on that day stays. It runs with the Python of the tests' environment (tests/requirements.txt); peers are in
the one that tools/bench_peers.sh installs.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT / "tests")]

from goals.rows import Context, Row, not_measured  # noqa: E402
from report import machine, markdown, picture  # noqa: E402
from report.results import Results, read  # noqa: E402

GOALS = {
    1: "raw ASGI, the whole path",
    2: "raw ASGI, against servers without a gateway",
    3: "FastAPI, the whole path",
    4: "the gateway's hop",
    5: "Flask",
    6: "WebSocket echo",
    7: "cold start",
    8: "many cold requests at once",
    9: "memory of an idle container",
    10: "memory of an idle connection",
    11: "queueing",
    12: "CPU while idle",
    13: "hot reload",
    14: "redeploy",
    15: "calls between containers",
}
WHOLE_S, QUICK_WHOLE_S = 80 * 60, 10 * 60
MODULE_S, QUICK_MODULE_S = 15 * 60, 3 * 60
FULL, QUICK = (5, 8.0, 2.0), (3, 1.5, 0.5)  # rounds, their seconds, those of the warm-up before each
CLEAN_UP_S = 90  # for a module that was interrupted


class Overdue(Exception):
    """A module took longer than it may."""


def modules(wanted: set[int]) -> Iterator[str]:
    """Names of those that answer for a wanted goal, in the goals' order: goal_<numbers>_<name>."""
    for file in sorted((HERE / "goals").glob("goal_*.py")):
        if wanted.intersection(goals_of(file.stem)):
            yield file.stem


def goals_of(module: str) -> tuple[int, ...]:
    return tuple(int(part) for part in module.split("_") if part.isdigit())


def interrupt(*_) -> None:
    signal.alarm(CLEAN_UP_S)
    raise Overdue


def measured(name: str, context: Context, bound_s: float) -> tuple[tuple[int, ...], list[Row], dict]:
    """The module's goals, its rows, and how the run went."""
    goals = goals_of(name)
    began, load = time.monotonic(), os.getloadavg()[0]
    run = {"module": name, "began": datetime.datetime.now().isoformat(timespec="seconds"), "load": load}
    signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(bound_s, 0.001))
        module = importlib.import_module(f"goals.{name}")
        rows = module.measure(context)
        commands = getattr(module, "COMMANDS", {})
    except KeyboardInterrupt:
        raise
    except BaseException as why:
        traceback.print_exc()
        rows, commands = [not_measured(goal, GOALS[goal], reason(why, bound_s)) for goal in goals], {}
    finally:
        signal.alarm(0)
    beside = [row.what for row in rows if row.goal is None]
    run.update(seconds=time.monotonic() - began, beside=beside, commands=commands)
    return goals, rows, run


def reason(why: BaseException, bound_s: float) -> str:
    """One line of a table."""
    if isinstance(why, Overdue):
        return f"not within {max(0, bound_s):.0f} s"
    return " ".join(f"{type(why).__name__}: {why}".split())[:200]


def write(results: Results, output: Path) -> None:
    """OUTPUT.json, OUTPUT.md, and the pictures in OUTPUT/."""
    results.write(output.with_suffix(".json"))
    pictures = output.parent / output.name
    pictures.mkdir(exist_ok=True)
    for goal in markdown.drawn_goals(results.rows):
        rows = [row for row in results.rows if row.goal == goal]
        (pictures / f"goal_{goal:02}.svg").write_text(picture.picture(f"Goal {goal}: {GOALS[goal]}", rows))
    output.with_suffix(".md").write_text(markdown.page(results, f"Benchmarks of {output.name}", output.name))


def options(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release", help="a release build")
    parser.add_argument("--peers", type=Path, default=ROOT / ".cache/venv-bench/bin", help="bin/ of their environment")
    parser.add_argument(
        "--layers", type=Path, default=os.environ.get("BIMODAL_TEST_LAYERS"), help="built images to use"
    )
    parser.add_argument("--rounds", type=int, help="default 5, quick 3")
    parser.add_argument("--seconds", type=float, help="of each round; default 8, quick 1.5")
    parser.add_argument("--warm-up", type=float, help="seconds before each round; default 2, quick 0.5")
    parser.add_argument("--quick", action="store_true", help="the main figures only, with fewer repetitions")
    parser.add_argument("--goals", type=int, nargs="+", choices=GOALS, default=list(GOALS))
    parser.add_argument("--output", type=Path, default=HERE / "results" / datetime.date.today().isoformat())
    given = parser.parse_args(words)
    for name, value in zip(("rounds", "seconds", "warm_up"), QUICK if given.quick else FULL, strict=True):
        if getattr(given, name) is None:
            setattr(given, name, value)
    return given


def context_of(given: argparse.Namespace) -> Context:
    return Context(
        binary=given.build / "bin/bimodal",
        build=given.build,
        python=Path(sys.executable),
        peers=given.peers,
        layers=Path(given.layers) if given.layers else None,
        rounds=given.rounds,
        seconds=given.seconds,
        warm_up=given.warm_up,
        quick=given.quick,
    )


def main() -> None:
    given = options()
    context = context_of(given)
    kept = set(given.goals) != set(GOALS) and given.output.with_suffix(".json").exists()
    results = read(given.output.with_suffix(".json")) if kept else Results()
    results.machine = machine.describe(context)
    whole, each = (QUICK_WHOLE_S, QUICK_MODULE_S) if given.quick else (WHOLE_S, MODULE_S)
    end, found = time.monotonic() + whole, set()
    for name in modules(set(given.goals)):
        print(f"{name} ...", flush=True)
        goals, rows, run = measured(name, context, min(each, end - time.monotonic()))
        found |= set(goals)
        results.commands.update(run.pop("commands"))
        results.replace(goals, rows, run)
        for row in rows:
            print("  " + " | ".join(markdown.goal_cells(row)), flush=True)
        write(results, given.output)
    for goal in sorted(set(given.goals) - found):
        results.replace(
            (goal,), [not_measured(goal, GOALS[goal], "nothing measures it yet")], {"module": f"goal {goal}"}
        )
    write(results, given.output)
    print(f"{markdown.summary(results)} See {given.output.with_suffix('.md')}")


if __name__ == "__main__":
    main()
