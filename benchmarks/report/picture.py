"""A goal as a picture (SVG): a bar for Bimodal and for each peer, and lines where "must" and "aim" are."""

from __future__ import annotations

import dataclasses
import html

from goals.rows import Better, Row

from report.markdown import amount, number

WIDTH, LABEL, PLOT, VALUE = 860, 210, 470, 160  # pixels; they leave a margin of 20
BAR, GAP, HEAD, TITLE = 20, 7, 34, 44
OURS, PEER, MUST, AIM, INK, SOFT = "#2563c9", "#a3acb8", "#c2352b", "#2c8a4b", "#1d2733", "#5b6673"
FONT = "font-family='Helvetica, Arial, sans-serif'"


@dataclasses.dataclass
class Panel:
    """Bars of one unit and scale."""

    title: str
    unit: str
    better: Better
    bars: list[tuple[str, float, float, str]]  # label, value, spread, colour
    lines: list[tuple[str, float, str]]  # label, value, colour


def panels(rows: list[Row]) -> list[Panel]:
    """Rows that compare the same thing with several peers are one panel."""
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        if row.figure is not None:
            groups.setdefault((row.what, row.unit), []).append(row)
    return [panel_of(group) for group in groups.values()]


def panel_of(group: list[Row]) -> Panel:
    first = group[0]
    bars = [("Bimodal", first.figure, first.spread or 0.0, OURS)]
    lines = []
    for row in group:
        if row.peer_figure is not None:
            bars.append((row.peer, row.peer_figure, 0.0, PEER))
        scale = 1.0 if row.peer_figure is None else row.peer_figure
        bounds = [("must", row.must, MUST), ("aim", row.aim, AIM)]
        lines += [
            (f"{name} {number(bound)}", bound * scale, colour) for name, bound, colour in bounds if bound is not None
        ]
    return Panel(first.what, first.unit, first.better, bars, lines)


def picture(title: str, rows: list[Row]) -> str:
    shown = panels(rows)
    height = TITLE + sum(height_of(panel) for panel in shown) + 12
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}' viewBox='0 0 {WIDTH} {height}' {FONT}>",
        f"<rect width='{WIDTH}' height='{height}' rx='8' fill='#ffffff' stroke='#d9dee5'/>",
        text(20, 29, title, 17, weight="bold"),
    ]
    top = TITLE
    for panel in shown:
        parts += draw(panel, top)
        top += height_of(panel)
    return "\n".join([*parts, "</svg>", ""])


def height_of(panel: Panel) -> int:
    return HEAD + len(panel.bars) * (BAR + GAP) + (18 if panel.lines else 4)


def draw(panel: Panel, top: int) -> list[str]:
    most = max(
        [value * (1 + spread / 2) for _, value, spread, _ in panel.bars] + [value for _, value, _ in panel.lines]
    )
    scale = PLOT / (most or 1)
    left, first = 20 + LABEL, top + HEAD
    sense = "less is better" if panel.better is Better.LOWER else "more is better"
    parts = [text(20, top + 18, panel.title, 13, weight="bold"), text(WIDTH - 20, top + 18, sense, 11, SOFT, "end")]
    for index, (label, value, spread, colour) in enumerate(panel.bars):
        y = first + index * (BAR + GAP)
        length = max(value * scale, 1)
        parts.append(text(left - 8, y + 14, label, 12, anchor="end"))
        parts.append(f"<rect x='{left}' y='{y}' width='{length:.1f}' height='{BAR}' rx='2' fill='{colour}'/>")
        if spread:
            parts.append(whisker(left + length, spread * length / 2, y + BAR / 2))
        end = left + length * (1 + spread / 2) + 8
        parts.append(text(end, y + 14, amount(value, panel.unit), 12, weight="bold" if colour == OURS else "normal"))
    bottom = first + len(panel.bars) * (BAR + GAP)
    for index, (label, value, colour) in enumerate(panel.lines):
        x = left + value * scale
        parts.append(
            f"<path d='M{x:.1f} {first - 4}V{bottom}' stroke='#ffffff' stroke-width='3.5'/>"
            f"<path d='M{x:.1f} {first - 4}V{bottom}' stroke='{colour}' stroke-width='1.8'/>"
        )
        parts.append(text(x, bottom + 12, label, 11, colour, anchor_of(panel, index)))
    return parts


def anchor_of(panel: Panel, index: int) -> str:
    """The words of two lines that are close to each other point away from one another."""
    values = [value for _, value, _ in panel.lines]
    if len(values) != 2:
        return "middle"
    return "start" if values[index] == max(values) else "end"


def whisker(x: float, reach: float, y: float) -> str:
    low, high = x - reach, x + reach
    return (
        f"<path d='M{low:.1f} {y}H{high:.1f}M{low:.1f} {y - 5}V{y + 5}M{high:.1f} {y - 5}V{y + 5}' "
        f"stroke='{INK}' stroke-width='1.2' fill='none'/>"
    )


def text(
    x: float, y: float, words: str, size: int, colour: str = INK, anchor: str = "start", weight: str = "normal"
) -> str:
    style = f"font-size='{size}' fill='{colour}' text-anchor='{anchor}' font-weight='{weight}'"
    return f"<text x='{x:.1f}' y='{y:.1f}' {style}>{html.escape(words)}</text>"
