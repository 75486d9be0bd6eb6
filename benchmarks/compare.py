"""Which verdicts of two runs differ.

    python benchmarks/compare.py results/A.json results/B.json

Exit status 1 when a verdict differs whose figures were clear of the bound in both runs (further away than twice the spread);
figures that are close to a bound are told, but don't count.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from goals.rows import Row, Verdict  # noqa: E402
from report.results import Results, name_of, read  # noqa: E402


def judged(results: Results) -> dict[str, Row]:
    return {f"{row.goal}: {name_of(row)}": row for row in results.rows if row.verdict is not Verdict.BESIDE}


def differences(first: Results, second: Results) -> tuple[list[str], bool]:
    """A line for each, and whether one of them is clear."""
    before, after = judged(first), judged(second)
    lines, clear = [], False
    for name in [*before, *(name for name in after if name not in before)]:
        one, other = before.get(name), after.get(name)
        verdicts = [row.verdict.value if row else "missing" for row in (one, other)]
        if verdicts[0] == verdicts[1]:
            continue
        close = one is not None and other is not None and not (one.is_clear and other.is_clear)
        clear = clear or not close
        lines.append(f"{name}: {verdicts[0]} -> {verdicts[1]}" + (" (close to the bound)" if close else ""))
    return lines, clear


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    lines, clear = differences(*(read(Path(name)) for name in sys.argv[1:]))
    print("\n".join(lines) or "the same verdicts")
    return 1 if clear else 0


if __name__ == "__main__":
    sys.exit(main())
