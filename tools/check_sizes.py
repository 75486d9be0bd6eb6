#!/usr/bin/env python3
"""Fails when a source file is longer than it may be: it holds more than one idea and should be split."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LONGEST = {".cc": 500, ".h": 300, ".py": 400}


def sources():
    command = ["git", "ls-files", "*.cc", "*.h", "*.py"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]


def main() -> int:
    found = []
    for file in sources():
        length = len(file.read_text().splitlines())
        if length > LONGEST[file.suffix]:
            found.append(f"{file.relative_to(ROOT)} has {length} lines, {LONGEST[file.suffix]} at most: split it")
    for problem in found:
        print(f"check_sizes: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
