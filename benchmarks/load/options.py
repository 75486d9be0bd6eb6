"""The options that every benchmark of load has, and the Context that they make."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from goals.rows import Context

ROOT = Path(__file__).resolve().parents[2]


def add_options(parser: argparse.ArgumentParser) -> None:
    layers = os.environ.get("BIMODAL_TEST_LAYERS")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release", help="of Bimodal")
    parser.add_argument("--peers", type=Path, default=ROOT / ".cache/venv-bench/bin", help="the peers' environment")
    parser.add_argument("--layers", type=Path, default=layers and Path(layers), help="images that were built already")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8, help="of each round")
    parser.add_argument("--warm-up", type=float, default=2, help="seconds before each round")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 1.5 s, and what matters most only")


def context_of(options: argparse.Namespace) -> Context:
    length = (2, 1.5, 0.5) if options.quick else (options.rounds, options.seconds, options.warm_up)
    return Context(
        binary=options.build / "bin/bimodal",
        build=options.build,
        python=Path(sys.executable),
        peers=options.peers,
        layers=options.layers,
        rounds=length[0],
        seconds=length[1],
        warm_up=length[2],
        quick=options.quick,
    )
