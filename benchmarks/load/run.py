"""Warm requests beside the peers: CPU per request, requests per second and p99 at a fixed rate, a table for each workload.

    python benchmarks/load/run.py [--workload 'raw ASGI'] [--peer uvicorn] [--rounds 5] [--seconds 8] [--name load]

Without --workload all of load/workloads.py, without --peer all of load/peers.py that can serve it; a workload is named by a
part of its name. With --quick what matters most of both, within 3 minutes. Writes benchmarks/results/<date>-<name>.json and .md. The rules stand in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from report.machine import describe  # noqa: E402

from load import workloads  # noqa: E402
from load.bimodal import Bimodal  # noqa: E402
from load.frameworks import differences, framework_versions  # noqa: E402
from load.options import add_options, context_of  # noqa: E402
from load.rounds import compare, starters  # noqa: E402
from load.tables import table  # noqa: E402

RESULTS = Path(__file__).resolve().parents[1] / "results"


QUICK_WORKLOADS = [one.name for one in (workloads.RAW, workloads.FASTAPI, workloads.FLASK, workloads.WEBSOCKET)]
QUICK_PEERS = ["uvicorn", "nginx + uvicorn", "granian st", "peregrine", "peregrine, WSGI", "granian, WSGI"]


def chosen(parts: list[str] | None) -> list[workloads.Workload]:
    found = [one for one in workloads.ALL if parts is None or any(part in one.name for part in parts)]
    if not found:
        sys.exit(f"no workload has {parts} in its name; there are: " + "; ".join(one.name for one in workloads.ALL))
    return found


def footer(results: dict) -> str:
    apart = results["differences"]
    same = "Frameworks and Python are the same on both sides." if not apart else "Differ: " + "; ".join(apart)
    return "\n".join([same, "", *(f"* {name}: {value}" for name, value in results["machine"].items())]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--workload", action="append", help="a part of the name; repeatable")
    parser.add_argument("--peer", action="append", help="a peer's name; repeatable")
    parser.add_argument("--name", default="load", help="of the files that are written")
    options = parser.parse_args()
    context = context_of(options)
    if options.quick:
        options.workload, options.peer = options.workload or QUICK_WORKLOADS, options.peer or QUICK_PEERS
    with Bimodal(context) as bimodal:
        versions = framework_versions(context, bimodal)
        found = [
            compare(context, workload, starters(context, bimodal, workload, options.peer))
            for workload in chosen(options.workload)
        ]
    results = {
        "machine": describe(context),
        "frameworks": versions,
        "differences": differences(versions),
        "rounds": context.rounds,
        "seconds": context.seconds,
        "workloads": [comparison.as_json() for comparison in found],
    }
    text = "# Warm requests\n\n" + "\n".join(map(table, found)) + "\n" + footer(results)
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / f"{datetime.date.today().isoformat()}-{options.name}"
    stem.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
    stem.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
