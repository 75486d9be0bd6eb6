"""Results as a Markdown page: what the goals say, what was measured beside, and what is needed to read it."""

from __future__ import annotations

from goals.rows import Better, Row, Verdict

from report.results import Results

CLOSE = "closer to a bound than twice the spread: another run may say otherwise"


def page(results: Results, title: str, pictures: str) -> str:
    """`pictures` is the folder with goal_NN.svg, relative to the page; empty for none."""
    judged = [row for row in results.rows if row.verdict is not Verdict.BESIDE]
    beside = [row for row in results.rows if row.verdict is Verdict.BESIDE]
    parts = [
        f"# {title}",
        summary(results),
        "## Goals",
        goals_table(judged),
        f"\\* {CLOSE}." if any(is_close(row) for row in judged) else "",
        "## Beside them",
        beside_table(beside),
        "## Pictures" if pictures else "",
        *(f"![goal {goal}]({pictures}/goal_{goal:02}.svg)" for goal in drawn_goals(results.rows) if pictures),
        "## Runs",
        runs_table(results.runs),
        "## Machine and versions",
        pairs(results.machine),
        "## Commands of the peers",
        pairs(results.commands),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def summary(results: Results) -> str:
    judged = [row for row in results.rows if row.verdict is not Verdict.BESIDE]
    counts = {verdict: sum(row.verdict is verdict for row in judged) for verdict in Verdict}
    said = [f"{count} {verdict.value}" for verdict, count in counts.items() if count]
    return f"Of {len(judged)} judged figures: {', '.join(said)}."


def goals_table(rows: list[Row]) -> str:
    heads = ["goal", "what", "Bimodal", "peer", "ratio", "spread", "must", "aim", "verdict", "of what"]
    return table(heads, [goal_cells(row) for row in rows])


def goal_cells(row: Row) -> list[str]:
    sign = "≥" if row.better is Better.HIGHER else "≤"
    peer = f"{row.peer} {amount(row.peer_figure, row.unit)}" if row.peer_figure is not None else row.peer or "–"
    return [
        str(row.goal or "–"),
        row.what,
        amount(row.figure, row.unit),
        peer,
        number(row.ratio),
        percent(row.spread),
        f"{sign} {number(row.must)}" if row.must is not None else "–",
        f"{sign} {number(row.aim)}" if row.aim is not None else "–",
        f"**{row.verdict.value}**" + (" \\*" if is_close(row) else ""),
        row.note,
    ]


def beside_table(rows: list[Row]) -> str:
    if not rows:
        return "Nothing."
    heads = ["goal", "what", "Bimodal", "peer", "ratio", "of what"]
    cells = [goal_cells(row) for row in rows]
    return table(heads, [[*one[:5], one[9]] for one in cells])


def runs_table(runs: list[dict]) -> str:
    heads = ["module", "began", "took", "load before"]
    return table(
        heads, [[run["module"], run["began"], f"{run['seconds']:.0f} s", f"{run['load']:.1f}"] for run in runs]
    )


def is_close(row: Row) -> bool:
    return row.judged is not None and not row.is_clear


def drawn_goals(rows: list[Row]) -> list[int]:
    return sorted({row.goal for row in rows if row.goal is not None and row.figure is not None})


def table(heads: list[str], lines: list[list[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *[[cell.replace("|", "\\|") for cell in line] for line in lines]]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def pairs(content: dict) -> str:
    return "\n".join(f"* {name}: `{value}`" for name, value in content.items()) or "None."


def number(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def amount(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{number(value)} {unit}".strip()


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.0f} %"
