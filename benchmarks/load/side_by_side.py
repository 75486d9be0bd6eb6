"""CPU per request of builds and peers that are all up at once, measured in short slices in turn.

    python benchmarks/load/side_by_side.py --side before=OTHER/build/release --side now=build/release \
        --peer 'peregrine, WSGI' --workload 'Flask hello' [--slices 8] [--seconds 0.4]

A machine that is shared changes its speed by half within seconds, for everything that runs on it: rounds of some seconds
each don't see the same machine, slices that follow each other do. Each slice of a server is divided by the first side's; the
medians of these ratios, with the smallest and the largest, are the result. Prints beside each turn how long a fixed loop
took on the servers' CPU: the speed of the machine itself.
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

from load import peers, workloads  # noqa: E402
from load.bimodal import Bimodal  # noqa: E402
from load.measure import SERVER_CPU  # noqa: E402
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


def measured(options, context, workload: workloads.Workload) -> dict[str, list]:
    """Samples by server, as many each as there are slices."""
    generator = generator_of(context)
    with contextlib.ExitStack() as stack:
        targets = started(stack, options, context, workload)
        samples = {name: [] for name in targets}
        for target in targets.values():
            generator.run(workload, target, WARM_UP_S)
        for turn in range(options.slices):
            speed = machine_ms()
            for name in list(targets)[:: 1 if turn % 2 == 0 else -1]:
                samples[name].append(generator.run(workload, targets[name], context.seconds))
            costs = "  ".join(f"{name} {found[-1].cpu_us:.1f}" for name, found in samples.items())
            print(f"machine {speed:5.1f} ms  {costs}", flush=True)
    return samples


def told(name: str, samples: list, first: list) -> str:
    ratios = [one.cpu_us / other.cpu_us for one, other in zip(samples, first, strict=True)]
    cpu, p50, p99 = (
        statistics.median(getattr(one, field) for one in samples) for field in ("cpu_us", "p50_us", "p99_us")
    )
    return (
        f"| {name} | {cpu:.1f} | {min(one.cpu_us for one in samples):.1f} | {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f}–{max(ratios):.2f}) | {p50 / 1000:.2f} | {p99 / 1000:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--side", action="append", required=True, help="NAME=BUILD of Bimodal; repeatable")
    parser.add_argument("--peer", action="append", default=[], help="a peer's name; repeatable")
    parser.add_argument("--workload", required=True, help="a part of the name")
    parser.add_argument("--slices", type=int, default=8)
    parser.set_defaults(seconds=0.4)
    options = parser.parse_args()
    context = context_of(options)
    found = [one for one in workloads.ALL if options.workload in one.name]
    if not found:
        sys.exit(f"no workload has {options.workload} in its name")
    samples = measured(options, context, found[0])
    first = next(iter(samples.values()))
    print(f"\n{found[0].name}, {found[0].connections} connections, {options.slices} slices of {context.seconds} s\n")
    print("| server | µs a request | least | by the first, of each slice | p50, ms | p99, ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, each in samples.items():
        print(told(name, each, first))


if __name__ == "__main__":
    main()
