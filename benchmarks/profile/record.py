"""Where each microsecond of a request goes: profiles of daemon and runner under load, as flame graphs and a table.

    python benchmarks/profile/record.py --binary build/release/bin/bimodal [--layers DIR] [--seconds 6]

The raw ASGI workload on keep-alive connections, servers on CPU 0 and the load on CPU 1. First the CPU time per request is
measured without a profiler, for the gateway's loops and the runner each; then `perf` samples stacks, whose shares divide it.
Writes benchmarks/results/<date>-hot-path.md and <date>-flame-{gateway,runner}.svg. Needs perf (Debian: linux-perf) and wrk.
"""

from __future__ import annotations

import argparse
import datetime
import pathlib
import platform
import subprocess
import sys
import tempfile

BENCHMARKS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(BENCHMARKS / "load"))

import flame  # noqa: E402
import measure  # noqa: E402
import peers  # noqa: E402
import stacks  # noqa: E402

RESULTS = BENCHMARKS / "results"


def threads_cpu(pids: set[int]) -> dict[int, tuple[str, int]]:
    """Name and nanoseconds on a CPU of every thread of `pids`."""
    found = {}
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
            try:
                found[int(task.name)] = (
                    (task / "comm").read_text().strip(),
                    int((task / "schedstat").read_text().split()[0]),
                )
            except OSError:
                continue
    return found


def measured(target: peers.Target, pids: set[int], options) -> tuple[measure.Sample, dict[int, tuple[str, float]]]:
    """One run without a profiler: the sample, and each busy thread's microseconds per request."""
    before = threads_cpu(pids)
    sample = measure.load(target.url, target.host, target.root_pids, options.seconds, options.connections)
    costs = {}
    for tid, (name, now) in threads_cpu(pids).items():
        cost = (now - before.get(tid, (name, 0))[1]) / 1000 / sample.requests
        if cost >= 0.05:
            costs[tid] = (name, cost)
    return sample, costs


def profile(target: peers.Target, pids: set[int], options) -> list[stacks.Stack]:
    with tempfile.TemporaryDirectory() as directory:
        data = f"{directory}/perf.data"
        record = ["perf", "record", "--quiet", "-F", "1499", "--call-graph", "dwarf,8192", "-o", data]
        record += ["-p", ",".join(map(str, sorted(pids))), "--", "sleep", str(options.seconds)]
        recording = subprocess.Popen(record, stderr=subprocess.DEVNULL)
        measure.load(target.url, target.host, target.root_pids, options.seconds + 1, options.connections)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/release/bin/bimodal")
    parser.add_argument("--layers", help="directory of built image layers to reuse")
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    options = parser.parse_args()
    with peers.Bimodal(options.binary, options.layers).raw() as target:
        pids = set().union(*(measure.tree(pid) for pid in target.root_pids))
        measure.load(target.url, target.host, target.root_pids, 2, options.connections)
        sample, costs = measured(target, pids, options)
        found = profile(target, pids, options)
    date = datetime.date.today().isoformat()
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
    text.append(
        f"`python benchmarks/profile/record.py --connections {options.connections}`; {platform.release()}, {machine()}\n"
    )
    (options.out / f"{date}-hot-path.md").write_text("\n".join(text))
    print("\n".join(text))


def machine() -> str:
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")


if __name__ == "__main__":
    main()
