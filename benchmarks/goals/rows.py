"""What a goal module gives and gets: `Row`, one line of the table of goals, and `Context`, what a run is measured with.

A goal module is `benchmarks/goals/goal_<numbers>_<name>.py`. It has `GOALS`, the numbers that it answers for, maybe `COMMANDS`, those of the peers by name, and
`measure(context) -> list[Row]`, which raises when it can't measure. It starts servers itself, leaves nothing behind, and
keeps to `context.rounds` and `context.seconds`.
"""

from __future__ import annotations

import dataclasses
import enum
import statistics
from collections.abc import Sequence
from pathlib import Path


class Verdict(str, enum.Enum):
    """Ordered from best to worst; the values are what the table says."""

    AIM_MET = "aim met"
    MUST_MET = "must met"
    NOT_MET = "not met"
    NOT_MEASURED = "not measured"
    BESIDE = "beside"  # a figure that no goal judges: a further peer, a noise row


class Better(str, enum.Enum):
    LOWER = "lower"
    HIGHER = "higher"


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure of Bimodal's and how it is judged: by its ratio to a peer's where there is one, by itself where not.

    `spread` is the noise of this run, relative: how far medians of Bimodal against Bimodal lie apart, or of equal rounds.
    `must` and `aim` bound the judged value, from above or, with Better.HIGHER, from below.
    """

    goal: int | None  # 1..15; a row without must and aim is beside it
    what: str
    unit: str
    figure: float | None  # Bimodal's
    peer: str = ""
    peer_figure: float | None = None
    spread: float | None = None
    must: float | None = None
    aim: float | None = None
    better: Better = Better.LOWER
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Bimodal's figure by the peer's; None without a peer."""
        if self.figure is None or not self.peer_figure:
            return None
        return self.figure / self.peer_figure

    @property
    def judged(self) -> float | None:
        """What `must` and `aim` bound."""
        return self.ratio if self.peer_figure is not None else self.figure

    @property
    def verdict(self) -> Verdict:
        if self.judged is None:
            return Verdict.NOT_MEASURED
        if self.must is None and self.aim is None:
            return Verdict.BESIDE
        if self._meets(self.aim):
            return Verdict.AIM_MET
        return Verdict.MUST_MET if self._meets(self.must) else Verdict.NOT_MET

    @property
    def is_clear(self) -> bool:
        """Whether both bounds are further away than twice the noise: another run then gives the same verdict."""
        if self.judged is None:
            return False
        noise = 2 * (self.spread or 0.0) * self.judged
        bounds = [bound for bound in (self.must, self.aim) if bound is not None]
        return all(abs(self.judged - bound) > noise for bound in bounds) if noise else True

    def as_json(self) -> dict:
        fields = dataclasses.asdict(self)
        fields.update(better=self.better.value, ratio=self.ratio, verdict=self.verdict.value, is_clear=self.is_clear)
        return fields

    def _meets(self, bound: float | None) -> bool:
        if bound is None:
            return False
        return self.judged <= bound if self.better is Better.LOWER else self.judged >= bound


def not_measured(goal: int, what: str, why: str) -> Row:
    return Row(goal=goal, what=what, unit="", figure=None, note=why)


def spread_of(rounds: Sequence[float]) -> float:
    """(most - least) / median of what should be alike; 0 of fewer than two rounds."""
    if len(rounds) < 2:
        return 0.0
    return (max(rounds) - min(rounds)) / statistics.median(rounds)


def noise_between(first: Sequence[float], second: Sequence[float]) -> float:
    """How far the medians of two series of the same thing lie apart, relative to the first: the A/A row."""
    reference = statistics.median(first)
    return abs(statistics.median(second) - reference) / reference


def differ(ours: Sequence[float], theirs: Sequence[float], noise: float) -> bool:
    """Whether a claim counts: the medians differ by more than twice the noise."""
    return noise_between(ours, theirs) > 2 * noise


@dataclasses.dataclass(frozen=True)
class Context:
    """What one run of the benchmarks measures, and how long. Goal modules take what they need of it."""

    binary: Path  # bimodal, of a release build
    build: Path  # build/release: programs that benchmarks need beside it (gateway_hop, tests)
    python: Path  # of the tests' environment, with the official client
    peers: Path  # bin/ of the peers' environment (benchmarks/requirements.txt)
    layers: Path | None  # images that were built already; None: build them
    rounds: int = 5
    seconds: float = 8.0  # of each round, after `warm_up`
    warm_up: float = 2.0
    quick: bool = False  # the rows that matter most only, with fewer repetitions of what isn't a round
