"""A flame graph as SVG: one box for each call path, as wide as its share of the samples; hover for the numbers."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable
from xml.sax.saxutils import escape

WIDTH, ROW, FONT, TOP = 1200, 17, 11, 40
CHARACTER = 6.3  # width of one, roughly
SMALLEST = 0.0012  # of all samples: what is smaller is left out
DEEPEST = 64


@dataclasses.dataclass
class Node:
    name: str
    samples: int = 0
    children: dict[str, Node] = dataclasses.field(default_factory=dict)


def tree(stacks: Iterable[tuple[str, ...]], title: str) -> Node:
    root = Node(title)
    for frames in stacks:
        root.samples += 1
        at = root
        for name in frames[:DEEPEST]:
            at = at.children.setdefault(name, Node(name))
            at.samples += 1
    return root


def color(name: str) -> str:
    """Kernel blue, Python green, C++ warm; a shade by the name, the same in every picture."""
    shade = zlib.crc32(name.encode()) % 40
    if "::" in name:
        return f"rgb({235 - shade // 2},{150 + shade},{70 + shade // 2})"
    if name.startswith(("Py", "_Py", "python", "_asyncio", "object_")):
        return f"rgb({110 + shade},{190 + shade // 2},{110 + shade})"
    return f"rgb({130 + shade},{160 + shade},{215 + shade // 2})"


def boxes(node: Node, whole: int, left: float, depth: int, lines: list[str], bottom: int) -> None:
    wide = node.samples / whole * WIDTH
    y = bottom - (depth + 1) * ROW
    told = f"{node.name}: {node.samples / whole:.1%}"
    text = (
        node.name if len(node.name) * CHARACTER < wide - 4 else node.name[: max(0, int((wide - 10) / CHARACTER))] + "…"
    )
    label = f'<text x="{left + 3:.1f}" y="{y + 12}">{escape(text)}</text>' if wide > 24 else ""
    box = f'<rect x="{left:.1f}" y="{y}" width="{max(wide - 0.4, 0.3):.1f}" height="{ROW - 1}" fill="{color(node.name)}"/>'
    lines.append(f"<g><title>{escape(told)}</title>{box}{label}</g>")
    for child in sorted(node.children.values(), key=lambda each: each.name):
        if child.samples / whole >= SMALLEST:
            boxes(child, whole, left, depth + 1, lines, bottom)
        left += child.samples / whole * WIDTH


def depth_of(node: Node, whole: int) -> int:
    shown = [depth_of(child, whole) for child in node.children.values() if child.samples / whole >= SMALLEST]
    return 1 + max(shown, default=0)


def svg(stacks: Iterable[tuple[str, ...]], title: str) -> str:
    """The picture of `stacks`, whose frames go from the outermost to the innermost."""
    root = tree(stacks, "all")
    if root.samples == 0:
        raise ValueError("no samples")
    height = TOP + depth_of(root, root.samples) * ROW + 10
    lines: list[str] = []
    boxes(root, root.samples, 0, 0, lines, height - 10)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            f'font-family="monospace" font-size="{FONT}">',
            '<rect width="100%" height="100%" fill="#fff"/>',
            f'<text x="8" y="22" font-size="15">{escape(title)}</text>',
            *lines,
            "</svg>\n",
        ]
    )
