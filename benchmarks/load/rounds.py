"""Rounds: servers measured in turn, A B C C B A, each time a fresh one, so that all see the same drift of the machine.

Bimodal is measured twice, under two names: how far these lie apart is the noise of the run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
from collections.abc import Callable, Iterator

from goals.rows import Context, noise_between

from load import peers
from load.bimodal import Bimodal
from load.measure import BUSIEST_GENERATOR, Generator, Sample
from load.peers import Target
from load.workloads import Workload

OURS, AGAIN = "bimodal", "bimodal again"
Start = Callable[[], "contextlib.AbstractContextManager[Target]"]


@dataclasses.dataclass
class Series:
    """The rounds of one server with one workload."""

    command: str = ""
    full: list[Sample] = dataclasses.field(default_factory=list)  # as much load as it takes
    paced: list[Sample] = dataclasses.field(default_factory=list)  # at the workload's offered rate
    failure: str = ""  # why there is no figure

    def cpu_us(self) -> list[float]:
        return [sample.cpu_us for sample in self.full]

    def median(self, field: str, kind: str = "full") -> float | None:
        found = [getattr(sample, field) for sample in getattr(self, kind)]
        return statistics.median(found) if found else None

    @property
    def is_rate_void(self) -> bool:
        return any(sample.generator_busy > BUSIEST_GENERATOR for sample in self.full)

    def as_json(self) -> dict:
        return {
            "command": self.command,
            "failure": self.failure,
            "cpu_us": self.median("cpu_us"),
            "per_second": self.median("per_second"),
            "rate_void": self.is_rate_void,
            "p99_us_at_rate": self.median("p99_us", "paced"),
            "full": [dataclasses.asdict(sample) for sample in self.full],
            "paced": [dataclasses.asdict(sample) for sample in self.paced],
        }


@dataclasses.dataclass
class Comparison:
    workload: Workload
    series: dict[str, Series]

    @property
    def ours(self) -> Series:
        return self.series[OURS]

    @property
    def noise(self) -> float | None:
        """Bimodal against Bimodal; None when either has no figure."""
        first, second = self.ours.cpu_us(), self.series[AGAIN].cpu_us() if AGAIN in self.series else []
        return noise_between(first, second) if first and second else None

    def as_json(self) -> dict:
        return {
            "workload": self.workload.name,
            "connections": self.workload.connections,
            "offered_per_s": self.workload.offered_per_s,
            "noise": self.noise,
            "servers": {name: series.as_json() for name, series in self.series.items()},
        }


def interleaved(names: list[str], rounds: int) -> Iterator[str]:
    """A B C, C B A, A B C, …"""
    for index in range(rounds):
        yield from names if index % 2 == 0 else names[::-1]


def generator_of(context: Context) -> Generator:
    return Generator(context.build / "benchmarks/load_generator")


def starters(context: Context, bimodal: Bimodal, workload: Workload, wanted: list[str] | None) -> dict[str, Start]:
    """How each server is started: Bimodal twice, and those peers that can serve the workload, or the `wanted` ones of them."""

    def peer_starter(peer: peers.Peer) -> Start:
        return lambda: peers.start(peer, workload, context.peers)

    found = {OURS: lambda: bimodal.start(workload), AGAIN: lambda: bimodal.start(workload)}
    for peer in peers.serving(workload):
        if wanted is None or peer.name in wanted:
            found[peer.name] = peer_starter(peer)
    return found


def compare(context: Context, workload: Workload, starts: dict[str, Start], tell=print) -> Comparison:
    """All rounds. A server whose run is void is left out of further rounds and has a failure instead of figures."""
    generator, series = generator_of(context), {name: Series() for name in starts}
    tell(f"{workload.name}:")
    for name in interleaved(list(starts), context.rounds):
        one = series[name]
        if one.failure:
            continue
        try:
            with starts[name]() as target:
                measure_once(context, generator, workload, target, one)
        except Exception as why:  # of this server's alone: the others go on
            one.failure, one.full, one.paced = str(why), [], []
            tell(f"  {name:18} void: {why}")
            continue
        tell(f"  {name:18} {told(one)}")
    return Comparison(workload, series)


def measure_once(context: Context, generator: Generator, workload: Workload, target: Target, series: Series) -> None:
    """Warm-up, as much load as the server takes, then, for workloads that have one, the offered rate for a quarter as long."""
    series.command = target.command
    generator.run(workload, target, context.warm_up)
    series.full.append(generator.run(workload, target, context.seconds))
    if workload.offered_per_s:
        series.paced.append(generator.run(workload, target, context.seconds / 4, workload.offered_per_s))


def told(series: Series) -> str:
    full = series.full[-1]
    line = f"{full.cpu_us:8.2f} us/request {full.per_second:8.0f}/s  generator {full.generator_busy:4.0%}"
    if series.paced:
        line += f"  p99 at a fixed rate {series.paced[-1].p99_us:7.0f} us"
    return line
