"""A goal as a picture (SVG): a bar for Bimodal and for each peer, and lines where "must" and "aim" are."""

from __future__ import annotations

import dataclasses
import html

from goals.rows import Better, Row

from report.markdown import amount, number

WIDTH, LABEL, PLOT, VALUE = 860, 240, 440, 160  # pixels; they leave a margin of 20
BAR, GAP, HEAD, TITLE, LINE = 20, 7, 34, 44, 14
LONGEST = 37  # characters of a label
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
    """Rows that compare the same thing with several peers are one panel; those that compare nothing share one by unit."""
    groups: dict[tuple, list[Row]] = {}
    alone: dict[str, list[Row]] = {}
    compared = {(row.what, row.unit) for row in rows if row.must is not None or row.peer_figure is not None}
    for row in rows:
        if row.figure is not None:
            key = (row.what, row.unit)
            groups.setdefault(key, []).append(row) if key in compared else alone.setdefault(row.unit, []).append(row)
    return [*map(panel_of, groups.values()), *map(panel_of_figures, alone.values())]


def panel_of_figures(group: list[Row]) -> Panel:
    bars = [(row.what, row.figure, row.spread or 0.0, OURS) for row in group]
    return Panel(f"beside, in {group[0].unit}", group[0].unit, group[0].better, bars, [])


def panel_of(group: list[Row]) -> Panel:
    first = group[0]
    bars = [("Bimodal", first.figure, first.spread or 0.0, OURS)]
    lines = []
    bounded = sum(row.must is not None for row in group)
    for row in group:
        if row.peer_figure is not None:
            bars.append((row.peer, row.peer_figure, 0.0, PEER))
        scale = 1.0 if row.peer_figure is None else row.peer_figure
        times = "" if row.peer_figure is None else f" × {row.peer}" if bounded > 1 else " ×"
        for name, bound, colour in (("must", row.must, MUST), ("aim", row.aim, AIM)):
            if bound is not None:
                lines.append((f"{name} {number(bound)}{times}", bound * scale, colour))
    return Panel(first.what, first.unit, first.better, bars, sorted(lines, key=lambda line: line[1]))


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
    return HEAD + len(panel.bars) * (BAR + GAP) + LINE * rows_of_words(panel) + 4


def rows_of_words(panel: Panel) -> int:
    """Two bounds have their words side by side, pointing away from each other; more have a row each."""
    return len(panel.lines) if len(panel.lines) > 2 else min(len(panel.lines), 1)


def draw(panel: Panel, top: int) -> list[str]:
    most = max(
        [value * (1 + spread / 2) for _, value, spread, _ in panel.bars] + [value for _, value, _ in panel.lines]
    )
    scale = PLOT / (most or 1)
    left, first = 20 + LABEL, top + HEAD
    sense = "less is better" if panel.better is Better.LOWER else "more is better"
    parts = [text(20, top + 18, panel.title, 13, weight="bold"), text(WIDTH - 20, top + 18, sense, 11, SOFT, "end")]
    words = []
    for index, (label, value, spread, colour) in enumerate(panel.bars):
        y = first + index * (BAR + GAP)
        length = max(value * scale, 1)
        parts.append(f"<rect x='{left}' y='{y}' width='{length:.1f}' height='{BAR}' rx='2' fill='{colour}'/>")
        if spread:
            words.append(whisker(left + length, spread * length / 2, y + BAR / 2))
        end = left + length * (1 + spread / 2) + 8
        words.append(text(left - 8, y + 14, shortened(label), 12, anchor="end"))
        words.append(text(end, y + 14, amount(value, panel.unit), 12, weight="bold" if colour == OURS else "normal"))
    return [*parts, *draw_bounds(panel, first, scale), *words]


def draw_bounds(panel: Panel, first: int, scale: float) -> list[str]:
    left, bottom = 20 + LABEL, first + len(panel.bars) * (BAR + GAP)
    apart, parts = rows_of_words(panel) > 1, []
    for index, (label, value, colour) in enumerate(panel.lines):
        x, end = left + value * scale, bottom + LINE * index * apart
        line = f"d='M{x:.1f} {first - 4}V{end}'"
        parts.append(f"<path {line} stroke='#ffffff' stroke-width='3.5'/>")
        parts.append(f"<path {line} stroke='{colour}' stroke-width='1.8'/>")
        backwards = value * scale > PLOT / 2 if apart else index < len(panel.lines) - 1
        parts.append(text(x, end + 11, label, 11, colour, "end" if backwards else "start"))
    return parts


def shortened(label: str) -> str:
    return label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"


def whisker(x: float, reach: float, y: float) -> str:
    low, high = x - reach, x + reach
    return (
        f"<path d='M{low:.1f} {y}H{high:.1f}M{low:.1f} {y - 5}V{y + 5}M{high:.1f} {y - 5}V{y + 5}' "
        f"stroke='{INK}' stroke-width='1.2' fill='none'/>"
    )


def text(
    x: float, y: float, words: str, size: int, colour: str = INK, anchor: str = "start", weight: str = "normal"
) -> str:
    halo = "paint-order='stroke' stroke='#ffffff' stroke-width='3'"  # lines end where words begin
    style = f"{halo} font-size='{size}' fill='{colour}' text-anchor='{anchor}' font-weight='{weight}'"
    return f"<text x='{x:.1f}' y='{y:.1f}' {style}>{html.escape(words)}</text>"
