"""Puts results that were measured in parts together: of each goal module, what the last file that has it says.

    python benchmarks/merge.py results/2026-01-31 PART.json ...

Writes results/2026-01-31.json, .md and the pictures. What is there already is the first part.
"""

from __future__ import annotations

import sys
from pathlib import Path

from report.results import Results, read
from run import goals_of, write


def merged(parts: list[Results]) -> Results:
    whole = Results()
    for part in parts:
        for run in part.runs:
            goals = goals_of(run["module"])
            rows = [row for row in part.rows if row.goal in goals or (row.goal is None and row.what in run["beside"])]
            whole.replace(goals, rows, run)
        whole.commands.update(part.commands)
        whole.machine = part.machine
    return whole


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    output = Path(sys.argv[1])
    files = [output.with_suffix(".json"), *map(Path, sys.argv[2:])]
    write(merged([read(file) for file in files if file.exists()]), output)


if __name__ == "__main__":
    main()
