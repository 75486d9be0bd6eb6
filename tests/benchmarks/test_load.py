"""The arithmetic of load: CPU by thread, order of rounds, which peer is judged, what a void run leaves."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from goals.comparisons import Bound, best, cpu_rows  # noqa: E402
from goals.goal_11_queueing import ratios  # noqa: E402
from goals.rows import Better, Verdict  # noqa: E402
from load import workloads  # noqa: E402
from load.measure import VoidRun, sample, spent_ns  # noqa: E402
from load.peers import serving  # noqa: E402
from load.rounds import AGAIN, OURS, Comparison, Series, interleaved  # noqa: E402
from load.tables import table  # noqa: E402

TOLD = {
    "answers": 1000,
    "seconds": 2.0,
    "busy": 0.5,
    "p50_us": 1,
    "p99_us": 2,
    "p999_us": 3,
    "max_us": 4,
    "late_p99_us": 0,
}


def series(*cpu_us: float, busy: float = 0.5) -> Series:
    return Series("a command", [sample({**TOLD, "busy": busy}, int(one * 1e6)) for one in cpu_us])


def comparison(**peers: Series) -> Comparison:
    ours = {OURS: series(10, 11, 12), AGAIN: series(11, 12.1, 13)}
    return Comparison(workloads.RAW, {**ours, **peers})


def test_threads_that_are_born_meanwhile_count_from_their_birth():
    assert spent_ns({1: 100, 2: 50}, {1: 150, 3: 7}) == 57


def test_a_sample_is_by_answer():
    one = sample(TOLD, 12_000_000)
    assert (one.cpu_us, one.per_second) == (12.0, 500.0)


def test_a_run_without_answers_is_void():
    with pytest.raises(VoidRun):
        sample({**TOLD, "answers": 0}, 1)


def test_rounds_are_interleaved():
    assert list(interleaved(["a", "b"], 3)) == ["a", "b", "b", "a", "a", "b"]


def test_noise_is_bimodal_against_bimodal():
    assert comparison().noise == pytest.approx(0.1)


def test_the_best_peer_is_judged_and_a_void_one_never():
    found = comparison(fast=series(20), slow=series(40), void=Series(failure="closed"))
    assert best(found, ("slow", "void", "fast")) == "fast"
    (row,) = [row for row in cpu_rows(found, [Bound(2, "them", 1.0, 0.5, ("slow", "void", "fast"))]) if row.must]
    assert (row.goal, row.peer, row.ratio, row.verdict) == (2, "fast", 0.55, Verdict.MUST_MET)


def test_a_goal_whose_peer_is_void_is_not_measured_and_says_why():
    row = cpu_rows(comparison(nginx=Series(failure="nginx: exploded")), [Bound(1, "nginx", 0.5, 0.2)])[0]
    assert (row.verdict, row.note) == (Verdict.NOT_MEASURED, "nginx: exploded")


def test_a_rate_that_the_generator_bounded_is_left_out():
    rows = cpu_rows(comparison(quick=series(5, busy=0.9), slow=series(40)), [Bound(1, "slow", 0.5, 0.2)])
    rates = [row for row in rows if row.unit == "1/s"]
    assert [(row.peer, row.better) for row in rates] == [("slow", Better.HIGHER)]


def test_a_void_server_has_its_reason_in_the_table():
    assert "| nginx | void: closed" in table(comparison(nginx=Series(failure="closed")))


def test_every_workload_has_an_answer_to_verify_and_peers():
    for one in workloads.ALL:
        assert one.expected or one.message_bytes, one.name
        assert len(serving(one)) >= 3, one.name


def test_waiting_is_compared_trace_by_trace():
    told = """two kinds     4 x 1, load 0.80: 1.100 s, ideal 1.000 s
all alike    16 x 1, load 0.50: 0.000 s, ideal 0.000 s
"""
    assert ratios(told) == {"two kinds, 4 x 1, load 0.80": 1.1, "all alike, 16 x 1, load 0.50": 1.0}
