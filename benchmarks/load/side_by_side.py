"""CPU per request of builds and peers that are all up at once, measured in short slices in turn.

    python benchmarks/load/side_by_side.py --side before=OTHER/build/release --side now=build/release \
        --peer 'peregrine, WSGI' --workload 'Flask hello' [--slices 8] [--seconds 0.4] [--connections 1 --connections 32]

A machine that is shared changes its speed by half within seconds, for everything that runs on it: rounds of some seconds
each don't see the same machine, slices that follow each other do. Each slice of a server is divided by the first side's; the
medians of these ratios, with the smallest and the largest, are the result. Prints beside each turn how long a fixed loop
took on the servers' CPU: the speed of the machine itself. "batch" is how many requests a server answers each time that one of its
threads had gone to sleep: what a turn of its loops finds together, and one write carries.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from idle.processes import tree  # noqa: E402

from load import peers, workloads  # noqa: E402
from load.bimodal import Bimodal  # noqa: E402
from load.measure import SERVER_CPU, Sample  # noqa: E402
from load.options import add_options, context_of  # noqa: E402
from load.rounds import generator_of  # noqa: E402

WARM_UP_S = 0.7


def machine_ms() -> float:
    """CPU time of a fixed loop on the servers' CPU."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {int(SERVER_CPU)})
    began, kept = time.thread_time_ns(), {}
    for index in range(60000):
        kept[index & 1023] = str(index)
    spent = time.thread_time_ns() - began
    os.sched_setaffinity(0, allowed)
    return spent / 1e6


def started(stack: contextlib.ExitStack, options, context, workload: workloads.Workload) -> dict[str, peers.Target]:
    """Every side and every peer, up and answering."""
    targets = {}
    for side in options.side:
        name, _, build = side.partition("=")
        own = dataclasses.replace(context, binary=Path(build).resolve() / "bin/bimodal")
        bimodal = stack.enter_context(Bimodal(own))
        targets[name] = stack.enter_context(bimodal.start(workload))
    for peer in peers.serving(workload):
        if peer.name in options.peer:
            targets[peer.name] = stack.enter_context(peers.start(peer, workload, context.peers))
    return targets


def sleeps(roots) -> int:
    """How often the threads of these trees have waited for something."""
    files = (file for root in roots for pid in tree(root) for file in Path(f"/proc/{pid}/task").glob("*/status"))
    texts = [read(file) for file in files]
    return sum(int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for text in texts if text)


def read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # the thread has ended
        return ""


@dataclasses.dataclass(frozen=True)
class Slice:
    sample: Sample
    batch: float  # requests for each time that a thread slept


def measured(options, context, workload: workloads.Workload) -> dict[str, list[Slice]]:
    """By server, as many each as there are slices."""
    generator = generator_of(context)
    with contextlib.ExitStack() as stack:
        targets = started(stack, options, context, workload)
        found = {name: [] for name in targets}
        for target in targets.values():
            generator.run(workload, target, WARM_UP_S)
        for turn in range(options.slices):
            speed = machine_ms()
            for name in list(targets)[:: 1 if turn % 2 == 0 else -1]:
                before = sleeps(targets[name].roots)
                sample = generator.run(workload, targets[name], context.seconds)
                slept = sleeps(targets[name].roots) - before
                found[name].append(Slice(sample, sample.answers / max(1, slept)))
            costs = "  ".join(f"{name} {slices[-1].sample.cpu_us:.1f}" for name, slices in found.items())
            print(f"machine {speed:5.1f} ms  {costs}", flush=True)
    return found


def told(name: str, slices: list[Slice], first: list[Slice]) -> str:
    ratios = [one.sample.cpu_us / other.sample.cpu_us for one, other in zip(slices, first, strict=True)]
    samples, batch = [one.sample for one in slices], statistics.median(one.batch for one in slices)
    cpu, p50, p99 = (
        statistics.median(getattr(one, field) for one in samples) for field in ("cpu_us", "p50_us", "p99_us")
    )
    return (
        f"| {name} | {cpu:.1f} | {min(one.cpu_us for one in samples):.1f} | {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f}–{max(ratios):.2f}) | {p50 / 1000:.3f} | {p99 / 1000:.3f} | {batch:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--side", action="append", required=True, help="NAME=BUILD of Bimodal; repeatable")
    parser.add_argument("--peer", action="append", default=[], help="a peer's name; repeatable")
    parser.add_argument("--workload", required=True, help="a part of the name")
    parser.add_argument("--slices", type=int, default=8)
    parser.add_argument("--connections", type=int, action="append", help="instead of the workload's; repeatable")
    parser.set_defaults(seconds=0.4)
    options = parser.parse_args()
    context = context_of(options)
    found = [one for one in workloads.ALL if options.workload in one.name]
    if not found:
        sys.exit(f"no workload has {options.workload} in its name")
    for connections in options.connections or [found[0].connections]:
        compare(options, context, dataclasses.replace(found[0], connections=connections))


def compare(options, context, workload: workloads.Workload) -> None:
    slices = measured(options, context, workload)
    first = next(iter(slices.values()))
    print(f"\n{workload.name}, {workload.connections} connections, {options.slices} slices of {context.seconds} s\n")
    print("| server | µs a request | least | by the first, of each slice | p50, ms | p99, ms | batch |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, each in slices.items():
        print(told(name, each, first))


if __name__ == "__main__":
    main()
