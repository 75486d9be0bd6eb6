"""Reading profiles: samples become stacks, stacks become parts and pictures."""

import sys
import xml.etree.ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks/profile"))

import flame
import stacks

PERF = """gateway-0  77
\t    7f01 __libc_recv (/usr/lib/x86_64-linux-gnu/libc.so.6)
\t    55a1 bimodal::http::Transport::read(std::span<char, 18446744073709551615ul>) (/opt/bimodal)
\t    55a0 bimodal::(anonymous namespace)::loop() (/opt/bimodal)

python  78
\t    7f02 [unknown] (/usr/bin/python3.11)
\t    7f00 do_work.isra.0 ([kernel.kallsyms])
"""


def test_samples_become_stacks_from_the_outermost_frame_inwards():
    first, second = stacks.read(PERF.splitlines())
    assert first == stacks.Stack("gateway-0", 77, ("loop", "http::Transport::read", "__libc_recv"))
    assert second.frames == ("do_work", "python3.11")


def test_a_sample_belongs_to_the_first_part_that_matches():
    found = [stacks.Stack("t", 1, ("a", "parse")), stacks.Stack("t", 1, ("a", "b")), stacks.Stack("t", 1, ("x",))]
    assert stacks.by_part(found, (("parsing", "parse"), ("a's", "^a"))) == {"parsing": 1, "a's": 1, "the rest": 1}


def test_boxes_are_as_wide_as_their_share():
    picture = flame.svg([("a", "b"), ("a", "c<d>"), ("a", "b"), ("a", "b")], "T & U")
    root = xml.etree.ElementTree.fromstring(picture)
    name = "{http://www.w3.org/2000/svg}"
    widths = {g.find(f"{name}title").text: float(g.find(f"{name}rect").get("width")) for g in root.iter(f"{name}g")}
    assert widths["a: 100.0%"] > 1199
    assert round(widths["b: 75.0%"] / widths["c<d>: 25.0%"]) == 3
