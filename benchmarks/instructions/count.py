"""Instructions per request of the gateway, over 1,000 recorded requests, against baseline.json.

    python3 benchmarks/instructions/count.py build/release/benchmarks/gateway_instructions [--update] [--functions]

Runs the program under callgrind. Time plays no part: the program has one thread and a clock of its own, and valgrind counts
the same on a loaded machine. What differs between machines is kept out: the C library picks its copying loops by the CPU,
so all but the oldest are switched off, and what has its instructions in it has a wider tolerance.

Fails when either figure has grown beyond its tolerance. --update writes the baseline.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import tempfile

BASELINE = pathlib.Path(__file__).with_name("baseline.json")
REQUESTS = 1000
# "own" are the instructions of the program itself; "all" has copies, allocations and locks of the libraries, too.
TOLERANCES = {"own": 0.02, "all": 0.03}
KEPT = 0.001  # functions below this share of all stay out of the baseline
# Whatever the CPU has, the C library takes what every x86-64 has.
PLAIN_CPU = "glibc.cpu.hwcaps=" + ",".join(
    f"-{feature}"
    for feature in (
        "AVX512F AVX512VL AVX512BW AVX2 AVX AVX_Fast_Unaligned_Load ERMS FSRM SSSE3 SSE4_1 SSE4_2 BMI1 BMI2 MOVBE RTM"
    ).split()
)
LINE = re.compile(r"^\s*([\d,]+) \([^)]*\)\s+(.+) \[(.+)\]$")


@dataclasses.dataclass
class Counts:
    """Instructions per request: of the program, of it with the libraries that it calls, and of each function."""

    own: float
    all: float
    functions: dict[str, float]


@dataclasses.dataclass
class Verdict:
    ok: bool
    text: str


def run(program: pathlib.Path) -> str:
    """The annotated profile of one run."""
    with tempfile.TemporaryDirectory() as directory:
        profile = f"{directory}/callgrind.out"
        command = ["valgrind", "--quiet", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={profile}"]
        environment = {"GLIBC_TUNABLES": PLAIN_CPU, "PATH": "/usr/bin:/bin", "LC_ALL": "C", "TMPDIR": directory}
        subprocess.run([*command, str(program)], env=environment, check=True, stdout=subprocess.DEVNULL, timeout=300)
        annotate = ["callgrind_annotate", "--threshold=100", "--auto=no", profile]
        return subprocess.run(annotate, env=environment, check=True, capture_output=True, text=True).stdout


def parse(annotated: str, program: str) -> Counts:
    """What callgrind_annotate printed, as counts; `program` is the file name of the one that was run."""
    own = whole = 0
    functions: dict[str, int] = {}
    for line in annotated.splitlines():
        found = LINE.match(line)
        if not found:
            continue
        count = int(found[1].replace(",", ""))
        is_own = pathlib.Path(found[3]).name == program
        own += count if is_own else 0
        whole += count
        name = re.sub(r"'\d+$", "", found[2].split(":", 1)[1])
        functions[name] = functions.get(name, 0) + count
    if own == 0:
        raise ValueError("the profile has no instructions of the program")
    return Counts(own / REQUESTS, whole / REQUESTS, {name: n / REQUESTS for name, n in functions.items()})


def changed(now: Counts, before: dict[str, float], limit: int = 12) -> list[str]:
    """The functions that changed most, as lines."""
    names = now.functions.keys() | before.keys()
    deltas = {name: now.functions.get(name, 0) - before.get(name, 0) for name in names}
    # What was too small for the baseline isn't new.
    floor = KEPT * now.all
    ranked = sorted((name for name in names if abs(deltas[name]) > floor), key=lambda name: -abs(deltas[name]))
    return [f"  {deltas[name]:+9.1f}  {name[:110]}" for name in ranked[:limit]]


def judge(now: Counts, baseline: dict, compiler: str) -> Verdict:
    """Compares with the baseline."""
    lines, grown, shrunk = [], False, False
    for part, tolerance in TOLERANCES.items():
        is_now, was = getattr(now, part), baseline[part]
        change = is_now / was - 1
        grown |= change > tolerance
        shrunk |= change < -tolerance
        lines.append(f"{part}: {is_now:.1f} instructions per request, {was:.1f} in the baseline ({change:+.2%})")
    if grown:
        lines += ["what changed most, per request:", *changed(now, baseline["functions"])]
        if compiler != baseline["compiler"]:
            lines.append(f"the compiler is {compiler}; the baseline is of {baseline['compiler']}")
        lines.append(
            "make it cheaper, or, where it is worth its price or only the compiler changed, write a new baseline:"
        )
    if shrunk and not grown:
        lines.append("cheaper than the baseline: keep it so, by a new one:")
    if grown or shrunk:
        lines.append("  make instructions-update")
    return Verdict(not grown, "\n".join(lines))


def write_baseline(now: Counts, compiler: str) -> None:
    floor = KEPT * now.all
    ranked = sorted(now.functions.items(), key=lambda item: -item[1])
    kept = {name: count for name, count in ranked if count >= floor}
    content = {"compiler": compiler, "own": now.own, "all": now.all, "functions": kept}
    BASELINE.write_text(json.dumps(content, indent=1) + "\n")


def compiler_version() -> str:
    return subprocess.run(["clang++-19", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[
        0
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--update", action="store_true", help="write baseline.json")
    parser.add_argument("--functions", action="store_true", help="print what each function costs")
    options = parser.parse_args()
    now, compiler = parse(run(options.program), options.program.name), compiler_version()
    if options.functions:
        for name, count in sorted(now.functions.items(), key=lambda item: -item[1])[:60]:
            print(f"{count:9.1f}  {name[:130]}")
    if options.update:
        write_baseline(now, compiler)
    verdict = judge(now, json.loads(BASELINE.read_text()), compiler)
    print(f"gateway, {verdict.text}")
    return 0 if verdict.ok else 1


if __name__ == "__main__":
    sys.exit(main())
