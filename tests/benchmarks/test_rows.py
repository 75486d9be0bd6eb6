"""The arithmetic of a row of goals: ratio, noise, verdict."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from goals.rows import Better, Row, Verdict, differ, noise_between, not_measured, spread_of  # noqa: E402


def row(**fields) -> Row:
    return Row(**{"goal": 1, "what": "a", "unit": "us", "figure": 10.0, **fields})


def test_a_row_with_a_peer_is_judged_by_its_ratio():
    one = row(peer="nginx", peer_figure=40.0, must=0.5, aim=0.2)
    assert one.ratio == 0.25
    assert one.verdict is Verdict.MUST_MET


def test_a_row_without_a_peer_is_judged_by_its_figure():
    assert row(must=8.0, aim=5.0).verdict is Verdict.NOT_MET
    assert row(must=10.0, aim=5.0).verdict is Verdict.MUST_MET
    assert row(must=12.0, aim=10.0).verdict is Verdict.AIM_MET


def test_more_may_be_better():
    assert row(figure=600.0, must=500, aim=2000, better=Better.HIGHER).verdict is Verdict.MUST_MET
    assert row(figure=400.0, must=500, aim=2000, better=Better.HIGHER).verdict is Verdict.NOT_MET


def test_what_has_no_bound_is_beside():
    assert row().verdict is Verdict.BESIDE


def test_what_was_not_measured_says_why():
    one = not_measured(7, "cold start", "no bwrap")
    assert (one.verdict, one.note, one.is_clear) == (Verdict.NOT_MEASURED, "no bwrap", False)


def test_a_verdict_is_clear_when_the_bound_is_further_away_than_twice_the_noise():
    assert row(peer="p", peer_figure=25.0, must=0.5, spread=0.05).is_clear
    assert not row(peer="p", peer_figure=21.0, must=0.5, spread=0.05).is_clear


def test_a_claim_counts_when_medians_differ_by_more_than_twice_the_noise():
    assert noise_between([10, 11, 12], [11, 12.1, 13]) == pytest.approx(0.1)
    assert differ([10.0], [12.1], 0.1)
    assert not differ([10.0], [11.9], 0.1)


def test_the_spread_is_of_least_and_most():
    assert spread_of([9, 10, 12]) == pytest.approx(0.3)
    assert spread_of([5]) == 0


def test_json_bears_what_is_computed():
    told = row(peer="p", peer_figure=40.0, must=0.5).as_json()
    assert (told["ratio"], told["verdict"], told["better"]) == (0.25, "must met", "lower")
