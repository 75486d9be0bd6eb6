"""Keeps the result of every case as build/reports/websocket.json."""

import json
from pathlib import Path

HERE = Path(__file__).parent
REPORT = HERE.parents[2] / "build" / "reports" / "websocket.json"
results: dict[str, str] = {}


def pytest_runtest_logreport(report):
    if "conformance/websocket/" not in report.nodeid:
        return
    if report.when == "call" or report.outcome != "passed":
        results[report.nodeid.rpartition("::")[2]] = report.outcome


def pytest_sessionfinish():
    if not results:
        return
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    failed = sorted(name for name, outcome in results.items() if outcome != "passed")
    REPORT.write_text(json.dumps({"cases": len(results), "failed": failed, "results": results}, indent=1) + "\n")
