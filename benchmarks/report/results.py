"""What a run of the benchmarks found, as it is kept in a JSON file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from goals.rows import Better, Row, Verdict

FIELDS = [field.name for field in dataclasses.fields(Row)]


@dataclasses.dataclass
class Results:
    rows: list[Row] = dataclasses.field(default_factory=list)
    runs: list[dict] = dataclasses.field(
        default_factory=list
    )  # of each goal module: when, how long, the load before, rows without a goal
    commands: dict[str, str] = dataclasses.field(default_factory=dict)  # of the peers
    machine: dict = dataclasses.field(default_factory=dict)

    def replace(self, goals: tuple[int, ...], rows: list[Row], run: dict | None = None) -> None:
        """Puts in what a goal module found, for what is known of the goals that it answers for."""
        beside = self._beside(run["module"]) if run else []
        kept = [row for row in self.rows if row.goal not in goals and not (row.goal is None and row.what in beside)]
        self.rows = sorted([*kept, *rows], key=order)
        if run:
            self.runs = [one for one in self.runs if one["module"] != run["module"]] + [run]

    def _beside(self, module: str) -> list[str]:
        """Which rows without a goal that module has found before."""
        return [what for run in self.runs if run["module"] == module for what in run["beside"]]

    def write(self, file: Path) -> None:
        content = dict(machine=self.machine, commands=self.commands, runs=self.runs)
        content["rows"] = [row.as_json() for row in self.rows]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read(file: Path) -> Results:
    """Raises OSError, ValueError or KeyError when it isn't such a file."""
    content = json.loads(file.read_text())
    rows = [row_of(one) for one in content["rows"]]
    return Results(rows, content["runs"], content["commands"], content["machine"])


def row_of(content: dict) -> Row:
    """What as_json() made; what that derives is derived again."""
    fields = {name: content[name] for name in FIELDS}
    return Row(**{**fields, "better": Better(fields["better"])})


def name_of(row: Row) -> str:
    return f"{row.what}, against {row.peer}" if row.peer else row.what


def order(row: Row) -> tuple:
    """Goals in their order, what belongs to none at the end; a goal's judged rows first (sorting keeps their order)."""
    return (row.goal is None, row.goal or 0, row.verdict is Verdict.BESIDE)
