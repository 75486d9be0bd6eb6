"""The gate on the gateway's instructions: what passes, what fails, and what it says."""

import importlib.util
import pathlib
import sys

SCRIPT = pathlib.Path(__file__).parents[2] / "benchmarks/instructions/count.py"
spec = importlib.util.spec_from_file_location("instruction_count", SCRIPT)
count = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = count  # its dataclasses look there
spec.loader.exec_module(count)

BASELINE = {
    "compiler": "clang 19.1.7",
    "own": 1000.0,
    "all": 1500.0,
    "functions": {"parse()": 900.0, "route()": 100.0},
}


def counts(own=1000.0, whole=1500.0, parse=900.0):
    return count.Counts(own, whole, {"parse()": parse, "route()": 100.0, "malloc": 500.0})


def test_what_grew_within_the_tolerance_passes():
    verdict = count.judge(counts(own=1019, whole=1540), BASELINE, "clang 19.1.7")
    assert verdict.ok and "baseline:" not in verdict.text


def test_three_percent_more_fail_and_name_the_function_that_grew():
    verdict = count.judge(counts(own=1030, parse=930), BASELINE, "clang 19.1.7")
    assert not verdict.ok
    assert "1030.0 instructions per request, 1000.0 in the baseline (+3.00%)" in verdict.text
    assert "+30.0  parse()" in verdict.text and "make instructions-update" in verdict.text
    assert "the compiler is" not in verdict.text


def test_another_compiler_is_named_beside_growth():
    verdict = count.judge(counts(own=1030), BASELINE, "clang 19.1.8")
    assert "the compiler is clang 19.1.8; the baseline is of clang 19.1.7" in verdict.text


def test_what_libraries_do_for_it_counts_too():
    assert count.judge(counts(whole=1540), BASELINE, "clang 19.1.7").ok
    assert not count.judge(counts(whole=1560), BASELINE, "clang 19.1.7").ok


def test_what_shrank_passes_and_asks_for_a_new_baseline():
    verdict = count.judge(counts(own=900), BASELINE, "clang 19.1.7")
    assert verdict.ok and "cheaper than the baseline" in verdict.text and "make instructions-update" in verdict.text


def test_a_profile_is_summed_by_object_and_function():
    annotated = """
Ir                  file:function
3,000,000 (60.0%)  ???:bimodal::parse(char, int) [/a/b/gateway_instructions]
  500,000 (10.0%)  ???:bimodal::parse(char, int)'2 [/a/b/gateway_instructions]
1,500,000 (30.0%)  ./malloc/malloc.c:malloc [/usr/lib/libc.so.6]
"""
    parsed = count.parse(annotated, "gateway_instructions")
    assert (parsed.own, parsed.all) == (3500.0, 5000.0)
    assert parsed.functions == {"bimodal::parse(char, int)": 3500.0, "malloc": 1500.0}
