#!/usr/bin/env python3
"""Finds the shapes around co_await that STYLE.md bans, in every file that uses coroutines.

    tools/check_coroutines.py BUILD_DIRECTORY    its compile_commands.json tells how each file is compiled

A file that was found clean is not looked at again until its text changes.
"""

import hashlib
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLEAN = ROOT / ".cache" / "coroutines"
JOBS = 2
# What closes the answer to one question.
COUNT = re.compile(r"^\d+ match(?:es)?\.$", re.MULTILINE)

BANNED = {
    "a lambda with captures inside a co_await expression": (
        "coawaitExpr(isExpansionInMainFile(), hasDescendant(lambdaExpr(hasAnyCapture(lambdaCapture()))))"
    ),
    "braces inside a co_await expression": "coawaitExpr(isExpansionInMainFile(), hasDescendant(initListExpr()))",
    "co_await inside braces": "initListExpr(isExpansionInMainFile(), hasDescendant(coawaitExpr()))",
    "co_await inside a ternary": "coawaitExpr(isExpansionInMainFile(), hasAncestor(conditionalOperator()))",
}


def coroutine_files(build: Path) -> list[Path]:
    commands = json.loads((build / "compile_commands.json").read_text())
    files = {Path(command["file"]) for command in commands}
    return sorted(file for file in files if file.is_relative_to(ROOT) and b"co_await" in file.read_bytes())


def stamp_of(file: Path) -> Path:
    text = file.read_bytes() + Path(__file__).read_bytes()
    return CLEAN / hashlib.sha256(text).hexdigest()


def problems_of(file: Path, build: Path) -> list[str]:
    stamp = stamp_of(file)
    if stamp.exists():
        return []
    questions = [word for matcher in BANNED.values() for word in ("-c", f"match {matcher}")]
    asked = subprocess.run(["clang-query-19", "-p", str(build), *questions, str(file)], capture_output=True, text=True)
    answers = COUNT.split(asked.stdout)
    if asked.returncode != 0 or len(answers) <= len(BANNED):
        return [f"{file}: clang-query-19 failed: {asked.stderr[-500:]}"]
    found = []
    for what, answer in zip(BANNED, answers, strict=False):
        places = [line for line in answer.splitlines() if '"root" binds here' in line]
        found += [f"{place.split(': note:')[0]}: {what}: name it first" for place in places]
    if not found:
        stamp.touch()
    return found


def main() -> int:
    build = Path(sys.argv[1]).resolve()
    CLEAN.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(JOBS) as pool:
        answers = pool.map(lambda file: problems_of(file, build), coroutine_files(build))
        found = [problem for answer in answers for problem in answer]
    for problem in sorted(set(found)):
        print(f"check_coroutines: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
