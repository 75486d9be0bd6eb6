"""Where each microsecond of a request goes: profiles of daemon and runner under load, as flame graphs and a table.

    python benchmarks/profile/record.py [--seconds 6] [--connections 64] [--layers DIR] [--workload NAME]

The raw ASGI workload, or the one of which a part of the name is given, on keep-alive connections, servers on CPU 0 and the load on CPU 1. First the CPU time per request is
measured without a profiler, for the gateway's loops and the runner each; then `perf` samples stacks, whose shares divide it.
Writes benchmarks/results/<date>-hot-path.md and <date>-flame-{gateway,runner}.svg; of another workload than raw ASGI the runner's
picture only, <date>-flame-<function>.svg. Needs perf (Debian:
linux-perf) and `ninja load_generator`.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import pathlib
import subprocess
import sys
import tempfile

BENCHMARKS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(1, str(BENCHMARKS))

import flame  # noqa: E402
import stacks  # noqa: E402
from idle.processes import tree  # noqa: E402
from load import measure  # noqa: E402
from load.bimodal import Bimodal  # noqa: E402
from load.options import add_options, context_of  # noqa: E402
from load.workloads import ALL, RAW  # noqa: E402
from report.machine import describe  # noqa: E402

RESULTS = BENCHMARKS / "results"


def thread_names(pids: set[int]) -> dict[int, str]:
    tasks = (task for pid in pids for task in pathlib.Path(f"/proc/{pid}/task").glob("*"))
    return {int(task.name): (task / "comm").read_text().strip() for task in tasks}


def measured(load, target, pids: set[int]) -> tuple[measure.Sample, dict[int, tuple[str, float]]]:
    """One run without a profiler: the sample, and each busy thread's name and microseconds per request."""
    before = measure.cpu_ns(target.roots)
    sample = load(target)
    after, names = measure.cpu_ns(target.roots), thread_names(pids)
    costs = {tid: (now - before.get(tid, 0)) / 1000 / sample.answers for tid, now in after.items() if tid in names}
    return sample, {tid: (names[tid], cost) for tid, cost in costs.items() if cost >= 0.05}


def profile(load, target, pids: set[int], seconds: float) -> list[stacks.Stack]:
    with tempfile.TemporaryDirectory() as directory:
        data = f"{directory}/perf.data"
        record = ["perf", "record", "--quiet", "-F", "1499", "--call-graph", "dwarf,8192", "-o", data]
        record += ["-p", ",".join(map(str, sorted(pids))), "--", "sleep", f"{seconds * 0.8:g}"]
        recording = subprocess.Popen(record, stderr=subprocess.DEVNULL)
        load(target)
        recording.wait(60)
        script = ["perf", "script", "--no-inline", "-F", "comm,tid,ip,sym,dso", "-i", data]
        text = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    return list(stacks.read(text.splitlines()))


def table(title: str, cost: float, found: list[stacks.Stack], parts) -> str:
    counts = stacks.by_part(found, parts)
    whole = sum(counts.values())
    lines = [
        f"## {title}: {cost:.2f} µs a request, {whole} samples",
        "",
        "| part | µs | share |",
        "| --- | --- | --- |",
    ]
    lines += [f"| {name} | {cost * count / whole:.2f} | {count / whole:.0%} |" for name, count in counts.items()]
    return "\n".join(lines) + "\n"


def write_picture(path: pathlib.Path, title: str, costs, found: list[stacks.Stack]) -> None:
    """All threads of the container."""
    tids = {tid for tid, (name, _) in costs.items() if name.startswith("python")}
    cost = sum(costs[tid][1] for tid in tids)
    frames = (stack.frames for stack in found if stack.tid in tids)
    path.write_text(flame.svg(frames, f"{title}: {cost:.0f} µs a request in the container"))
    print(f"{path}: {', '.join(f'{name} {us:.1f} µs' for name, us in costs.values())}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--workload", default=RAW.name, help="a part of the name")
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    options = parser.parse_args()
    context = context_of(options)
    workload = next(one for one in ALL if options.workload in one.name)
    workload = dataclasses.replace(workload, connections=options.connections)
    generator = measure.Generator(context.build / "benchmarks/load_generator")

    def load(target) -> measure.Sample:
        return generator.run(workload, target, context.seconds)

    with Bimodal(context) as bimodal, bimodal.start(workload) as target:
        pids = {pid for root in target.roots for pid in tree(root)}
        load(target)  # warms up
        sample, costs = measured(load, target, pids)
        found = profile(load, target, pids, context.seconds)
    date = datetime.date.today().isoformat()
    if workload.function != RAW.function:
        write_picture(options.out / f"{date}-flame-{workload.function}.svg", workload.name, costs, found)
        return
    text = [
        "# Where the time of a request goes\n",
        f"Raw ASGI, 13 bytes, {options.connections} keep-alive connections, a browser's headers: {sample.cpu_us:.1f} µs of CPU a "
        f"request in all, {sample.per_second:.0f} requests/s, generator {sample.generator_busy:.0%} busy. The profile's shares "
        "divide what was measured without it.\n",
    ]
    sides = {
        "gateway": ("the gateway's loop", stacks.GATEWAY, lambda name: name.startswith("gateway-")),
        "runner": ("the container's Python", stacks.RUNNER, lambda name: name.startswith("python")),
    }
    for side, (title, parts, belongs) in sides.items():
        tids = {tid for tid, (name, _) in costs.items() if belongs(name)}
        cost = sum(costs[tid][1] for tid in tids)
        of_side = [stack for stack in found if stack.tid in tids]
        text.append(table(title, cost, of_side, parts))
        picture = flame.svg((stack.frames for stack in of_side), f"{title}, {cost:.1f} µs a request")
        (options.out / f"{date}-flame-{side}.svg").write_text(picture)
        text.append(f"![{title}]({date}-flame-{side}.svg)\n")
    text.append(f"`python benchmarks/profile/record.py --connections {options.connections}`\n")
    text += [f"* {name}: {value}" for name, value in describe(context).items()]
    page = "\n".join(text) + "\n"
    (options.out / f"{date}-hot-path.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
