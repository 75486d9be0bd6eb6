#!/usr/bin/env python3
"""Plain calls against a running daemon: round trips, inputs of a map() and items of a generator per second.

    eval $(bimodal env) && PYTHON benchmarks/calls/run.py

Deploys its own app, prints one row a figure and stops the app.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import modal

APP = Path(__file__).parent / "app.py"
ROUND_TRIPS, INPUTS, ITEMS = 300, 3000, 20_000


def round_trip_ms() -> float:
    function = modal.Function.from_name("bench-calls", "nothing")
    took = []
    for _ in range(ROUND_TRIPS):
        begin = time.perf_counter()
        function.remote(1)
        took.append((time.perf_counter() - begin) * 1000)
    return statistics.median(took[20:])


def map_inputs_per_s() -> float:
    function = modal.Function.from_name("bench-calls", "mapped")
    list(function.map(range(200)))  # until its containers are warm
    begin = time.perf_counter()
    assert sum(1 for _ in function.map(range(INPUTS))) == INPUTS
    return INPUTS / (time.perf_counter() - begin)


def generator_items_per_s() -> float:
    function = modal.Function.from_name("bench-calls", "items")
    list(function.remote_gen(10))
    begin = time.perf_counter()
    assert sum(1 for _ in function.remote_gen(ITEMS)) == ITEMS
    return ITEMS / (time.perf_counter() - begin)


def main() -> None:
    modal_command = [sys.executable, "-m", "modal"]
    subprocess.run([*modal_command, "deploy", str(APP)], check=True, stdout=subprocess.DEVNULL)
    try:
        print(f".remote() p50, warm     {round_trip_ms():8.1f} ms")
        print(f".map() over 4 containers {map_inputs_per_s():8.0f} inputs/s")
        print(f".remote_gen()            {generator_items_per_s():8.0f} items/s")
    finally:
        subprocess.run([*modal_command, "app", "stop", "--yes", "bench-calls"], check=False, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
