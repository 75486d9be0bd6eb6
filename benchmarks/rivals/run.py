"""Bimodal beside platforms that serve a Python function over HTTP and scale it: LitServe, BentoML and Ray Serve.

    python3 -m venv .cache/venv-rivals && .cache/venv-rivals/bin/pip install -r benchmarks/rivals/requirements.txt
    python benchmarks/rivals/run.py [--rivals .cache/venv-rivals/bin] [--rounds 3] [--seconds 4]

Each answers the same JSON to the same POST. Start: from the platform's start, nothing running, to the first answer, with
the CPU time until then; Bimodal's has its app deployed, but neither daemon nor container runs. Then warm: CPU per request and the
rate of one CPU, as in load/run.py. The others keep a worker for each app; only Bimodal starts from zero with a request.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import http.client
import json
import os
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from goals.rows import Context  # noqa: E402
from load.bimodal import Bimodal  # noqa: E402
from load.measure import SERVER_CPU, cpu_ns, spent_ns  # noqa: E402
from load.options import ROOT, add_options, context_of  # noqa: E402
from load.peers import Target  # noqa: E402
from load.processes import free_port, pinned  # noqa: E402
from load.rounds import AGAIN, OURS, compare  # noqa: E402
from load.tables import table  # noqa: E402
from load.workloads import JSON, Workload  # noqa: E402
from report.machine import describe, packages  # noqa: E402

APPS = Path(__file__).parent / "apps"
FIRST_ANSWER_S = 120
BODY, ANSWER = b'{"name":"world"}', {"message": "Hello, world!"}
PREDICT = Workload(
    "POST of JSON to a function",
    "",
    "fastapi",
    path="/predict",
    method="POST",
    headers=JSON,
    body=BODY,
)
RIVALS = {
    "LitServe": "python litserve_app.py {port}",
    "BentoML": "bentoml serve bentoml_app:Hello --host 127.0.0.1 --port {port}",
    "Ray Serve": "python ray_app.py {port}",
}


@dataclasses.dataclass(frozen=True)
class Start:
    seconds: float
    cpu_seconds: float


def ask(port: int, host: str) -> bytes | None:
    """The body of a 200; None for anything else, a refused connection too."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=FIRST_ANSWER_S)
    try:
        connection.request("POST", PREDICT.path, BODY, {"Host": host, "Content-Type": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        return body if answer.status == 200 else None
    except OSError:
        return None
    finally:
        connection.close()


def wait_for_first_answer(port: int, host: str, name: str) -> None:
    deadline = time.monotonic() + FIRST_ANSWER_S
    while (body := ask(port, host)) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} has not answered within {FIRST_ANSWER_S} s")
        time.sleep(0.002)
    if json.loads(body) != ANSWER:
        raise RuntimeError(f"{name} answers {body!r}")


@contextlib.contextmanager
def rival(name: str, programs: Path, starts: list[Start]) -> Iterator[Target]:
    port = free_port()
    program, *options = shlex.split(RIVALS[name].format(port=port))
    with tempfile.TemporaryDirectory(prefix="bm-rival-") as folder:
        environment = dict(
            os.environ,
            PYTHONPATH=str(APPS),
            PATH=f"{programs}:{os.environ['PATH']}",
            HOME=folder,
            BENTOML_DO_NOT_TRACK="1",
            RAY_TMPDIR=folder,
        )
        options = [str(APPS / one) if one.endswith(".py") else one for one in options]
        began = time.monotonic()
        with pinned(SERVER_CPU, [programs / program, *options], Path(folder, "log"), environment) as process:
            wait_for_first_answer(port, "localhost", name)
            starts.append(Start(time.monotonic() - began, spent_ns({}, cpu_ns([process.pid])) / 1e9))
            yield Target(port, "localhost", (process.pid,), RIVALS[name])


@contextlib.contextmanager
def ours(bimodal: Bimodal, starts: list[Start]) -> Iterator[Target]:
    began = time.monotonic()
    with bimodal.daemon() as daemon:
        target = bimodal.target(daemon, PREDICT)
        wait_for_first_answer(target.port, target.host, OURS)
        starts.append(Start(time.monotonic() - began, spent_ns({}, cpu_ns(target.roots)) / 1e9))
        daemon.wait_for_reserve()
        yield target


def starts_table(starts: dict[str, list[Start]]) -> str:
    lines = ["## Start to first answer", "", "| platform | seconds (min-max) | CPU seconds |", "| --- | --- | --- |"]
    for name, found in starts.items():
        if found:
            times = [one.seconds for one in found]
            cpu = statistics.median(one.cpu_seconds for one in found)
            lines.append(f"| {name} | {statistics.median(times):.2f} ({min(times):.2f}-{max(times):.2f}) | {cpu:.2f} |")
    return "\n".join(lines) + "\n"


def measure(context: Context, programs: Path, wanted: list[str]) -> tuple[str, dict]:
    starts: dict[str, list[Start]] = {name: [] for name in (OURS, *wanted)}
    with Bimodal(context) as bimodal:
        with bimodal.daemon():
            pass  # deploys, so that no start has to
        servers = {OURS: lambda: ours(bimodal, starts[OURS]), AGAIN: lambda: ours(bimodal, starts[OURS])}
        for name in wanted:
            servers[name] = lambda name=name: rival(name, programs, starts[name])
        found = compare(context, PREDICT, servers)
    text = starts_table(starts) + "\n" + table(found)
    return text, {
        "starts": {name: [dataclasses.asdict(one) for one in those] for name, those in starts.items()},
        "warm": found.as_json(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--rivals", type=Path, default=ROOT / ".cache/venv-rivals/bin", help="their environment")
    parser.add_argument("--rival", action="append", choices=RIVALS, help="repeatable; all without")
    options = parser.parse_args()
    context = context_of(options)
    text, results = measure(context, options.rivals, options.rival or list(RIVALS))
    described = {**describe(context), "rivals' packages": packages(options.rivals / "python")}
    text = "# Platforms\n\n" + text + "\n" + "\n".join(f"* {name}: {value}" for name, value in described.items()) + "\n"
    stem = ROOT / f"benchmarks/results/{datetime.date.today().isoformat()}-rivals"
    stem.with_suffix(".json").write_text(json.dumps({"machine": described, **results}, indent=1) + "\n")
    stem.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
