#!/usr/bin/env python3
"""Plain calls against a running daemon: round trips, inputs of a map() and items of a generator per second.

    eval $(bimodal env) && PYTHON benchmarks/calls/run.py [PID of the daemon]

Deploys its own app, prints one row a figure and stops the app. With the daemon's pid (daemon.json in its home) it also prints
the processor time that a call, an input or an item takes of the client, the daemon and the containers.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import modal
from cpu import Processes

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
    begin = time.perf_counter()
    assert sum(1 for _ in function.map(range(INPUTS))) == INPUTS
    return INPUTS / (time.perf_counter() - begin)


def generator_items_per_s() -> float:
    function = modal.Function.from_name("bench-calls", "items")
    begin = time.perf_counter()
    assert sum(1 for _ in function.remote_gen(ITEMS)) == ITEMS
    return ITEMS / (time.perf_counter() - begin)


def warm_up() -> None:
    """Until every container has started and run something."""
    modal.Function.from_name("bench-calls", "nothing").remote(1)
    list(modal.Function.from_name("bench-calls", "mapped").map(range(200)))
    list(modal.Function.from_name("bench-calls", "items").remote_gen(10))


def measured(figure, count: int, daemon: int | None) -> tuple[float, str]:
    """What `figure()` returns, and the milliseconds of processor time for each of `count`."""
    if daemon is None:
        return figure(), ""
    processes, begin = Processes(daemon), time.process_time()
    value = figure()
    parts = (time.process_time() - begin, *processes.since())
    client, server, containers = (seconds * 1000 / count for seconds in parts)
    return value, f"   CPU: client {client:.2f} ms, daemon {server:.2f} ms, containers {containers:.2f} ms"


def main() -> None:
    daemon = int(sys.argv[1]) if len(sys.argv) > 1 else None
    modal_command = [sys.executable, "-m", "modal"]
    subprocess.run([*modal_command, "deploy", str(APP)], check=True, stdout=subprocess.DEVNULL)
    try:
        warm_up()
        value, cpu = measured(round_trip_ms, ROUND_TRIPS, daemon)
        print(f".remote() p50, warm      {value:8.1f} ms      {cpu}")
        value, cpu = measured(map_inputs_per_s, INPUTS, daemon)
        print(f".map() over 4 containers {value:8.0f} inputs/s{cpu}")
        value, cpu = measured(generator_items_per_s, ITEMS, daemon)
        print(f".remote_gen()            {value:8.0f} items/s {cpu}")
    finally:
        subprocess.run([*modal_command, "app", "stop", "--yes", "bench-calls"], check=False, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
