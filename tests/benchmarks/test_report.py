"""What a run of the benchmarks writes: the file, the page, the pictures, and what two runs have in common."""

import sys
import xml.etree.ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import compare  # noqa: E402
import merge  # noqa: E402
import pytest  # noqa: E402
import run as bench  # noqa: E402
from cold.starts import percentile  # noqa: E402
from goals.rows import Better, Context, Row, not_measured  # noqa: E402
from report import markdown, picture  # noqa: E402
from report.results import Results, read  # noqa: E402

MET = Row(goal=9, what="idle container", unit="MiB", figure=4.25, spread=0.02, must=8, aim=5, note="20 containers")
CLOSE = Row(1, "raw ASGI", "µs", 12.4, peer="nginx + uvicorn", peer_figure=25.0, spread=0.05, must=0.5)
BESIDE = Row(goal=9, what="a peer", unit="MiB", figure=4.25, peer="bwrap | uvicorn", peer_figure=32.0)
UNKNOWN = not_measured(2, "raw ASGI alone", "granian isn't installed")
FASTER = Row(15, ".map()", "inputs/s", 700.0, spread=0.1, must=500, aim=2000, better=Better.HIGHER)
RUN = {"module": "goal_09_idle", "began": "2026-01-02T03:04:05", "seconds": 8.0, "load": 0.1, "beside": []}


def results(*rows: Row) -> Results:
    found = Results(commands={"uvicorn": "uvicorn app"}, machine={"cpu": "one"})
    for row in rows:
        found.replace((), [row], RUN)
    return found


def test_the_page_has_a_line_for_each_goal_with_its_bound_and_verdict():
    page = markdown.page(results(MET, FASTER), "Benchmarks", "")
    assert "| 9 | idle container | 4.25 MiB | – | – | 2 % | ≤ 8 | ≤ 5 | **aim met** | 20 containers |" in page
    assert "| 15 | .map() | 700 inputs/s | – | – | 10 % | ≥ 500 | ≥ 2,000 | **must met** |  |" in page
    assert "Of 2 judged figures: 1 aim met, 1 must met." in page
    assert "* uvicorn: `uvicorn app`" in page and "* cpu: `one`" in page


def test_a_ratio_stands_beside_both_figures_and_is_marked_when_the_noise_could_turn_it():
    page = markdown.page(results(CLOSE), "Benchmarks", "")
    assert "| 12.4 µs | nginx + uvicorn 25 µs | 0.496 | 5 % | ≤ 0.5 | – | **must met** \\* |" in page
    assert markdown.CLOSE in page


def test_what_could_not_be_measured_says_why():
    page = markdown.page(results(UNKNOWN), "Benchmarks", "pictures")
    assert "**not measured** | granian isn't installed |" in page
    assert "goal_02.svg" not in page


def test_the_goals_come_in_their_order_whatever_was_measured_first():
    found = results(FASTER, MET, CLOSE)
    assert [row.goal for row in found.rows] == [1, 9, 15]


def test_a_goal_measured_again_replaces_what_was_found_before():
    found = results(MET, CLOSE)
    found.replace((9,), [UNKNOWN], RUN)
    assert found.rows == [CLOSE, UNKNOWN]
    noise = Row(goal=None, what="noise", unit="µs", figure=1.0)
    for _ in range(2):
        found.replace((1,), [noise], {**RUN, "module": "goal_01_raw", "beside": ["noise"]})
    assert found.rows == [UNKNOWN, noise]


def test_results_are_read_as_they_were_written(tmp_path):
    found = results(MET, CLOSE, BESIDE, UNKNOWN, FASTER)
    found.write(tmp_path / "results.json")
    assert read(tmp_path / "results.json") == found


def test_parts_are_put_together_by_module_and_the_last_one_counts():
    noise = Row(goal=None, what="noise", unit="µs", figure=1.0)
    first, second = results(MET), Results()
    first.replace((1,), [CLOSE, noise], {**RUN, "module": "goal_01_02_raw", "beside": ["noise"]})
    second.replace((1,), [UNKNOWN], {**RUN, "module": "goal_01_02_raw"})
    whole = merge.merged([first, second])
    assert whole.rows == [UNKNOWN, MET]
    assert {run["module"] for run in whole.runs} == {"goal_09_idle", "goal_01_02_raw"}


def test_pictures_are_xml_with_a_bar_for_each_side_and_a_line_for_each_bound():
    drawn = picture.picture("Goal <9>", [MET, BESIDE])
    root = xml.etree.ElementTree.fromstring(drawn)
    words = [element.text for element in root.iter() if element.text]
    assert {"Goal <9>", "must 8", "aim 5", "4.25 MiB", "32 MiB", "bwrap | uvicorn"} <= set(words)


def test_peers_of_the_same_figure_share_a_panel():
    again = Row(1, "raw ASGI", "µs", 12.4, peer="granian", peer_figure=15.0)
    (panel,) = picture.panels([CLOSE, again])
    assert [bar[0] for bar in panel.bars] == ["Bimodal", "nginx + uvicorn", "granian"]
    assert panel.lines[0][1] == 12.5  # half of nginx's


def test_two_runs_differ_where_a_clear_verdict_does():
    assert compare.differences(results(MET, CLOSE), results(MET, CLOSE)) == ([], False)
    worse = Row(9, "idle container", "MiB", 9.5, spread=0.02, must=8, aim=5)
    lines, clear = compare.differences(results(MET), results(worse))
    assert (lines, clear) == (["9: idle container: aim met -> not met"], True)
    turned = Row(1, "raw ASGI", "µs", 12.6, peer="nginx + uvicorn", peer_figure=25.0, spread=0.05, must=0.5)
    lines, clear = compare.differences(results(CLOSE), results(turned))
    assert (len(lines), clear) == (1, False)


@pytest.fixture
def module(monkeypatch):
    """Puts a goal module in place, that of goal 12."""

    def put(measure):
        monkeypatch.setitem(sys.modules, "goals.goal_12_fake", type("Module", (), {"measure": staticmethod(measure)}))

    return put


CONTEXT = Context(binary=Path("bimodal"), build=Path("."), python=Path("python"), peers=Path("."), layers=None)


def test_a_module_that_fails_is_a_row_that_says_why(module):
    def fails(_):
        raise AssertionError("no\ncontainer")

    module(fails)
    goals, rows, _ = bench.measured("goal_12_fake", CONTEXT, 60)
    assert (goals, rows) == ((12,), [not_measured(12, bench.GOALS[12], "AssertionError: no container")])


def test_a_module_that_takes_too_long_is_interrupted(module):
    def hangs(_):
        while True:
            pass

    module(hangs)
    _, rows, _ = bench.measured("goal_12_fake", CONTEXT, 0.05)
    assert rows[0].note == "not within 0 s"


def test_percentiles_are_values_that_were_measured():
    assert percentile([3.0, 1.0, 2.0, 4.0], 50) == 2.0
    assert percentile([float(value) for value in range(1, 201)], 99) == 198.0


def test_quick_means_short_rounds_unless_they_are_given():
    assert (bench.options([]).rounds, bench.options([]).seconds) == (5, 8.0)
    quick = bench.options(["--quick", "--seconds", "4"])
    assert (quick.rounds, quick.seconds, quick.warm_up) == (3, 4.0, 0.5)
