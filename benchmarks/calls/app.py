"""Functions that do nothing, to measure what is around them, and functions that call them from another container."""

import statistics
import time

import modal

app = modal.App("bench-calls")
one = dict(min_containers=1, max_containers=1)


@app.function(**one)
def nothing(value):
    return value


@app.function(min_containers=4, max_containers=4)
def mapped(value):
    return value


@app.function(**one)
def items(count):
    yield from range(count)


@app.function(**one, timeout=600)
def round_trip_ms(count):
    """The median of `count` calls, one after the other."""
    took = []
    for _ in range(count):
        begin = time.perf_counter()
        nothing.remote(1)
        took.append((time.perf_counter() - begin) * 1000)
    return statistics.median(took)


@app.function(**one, timeout=600)
def map_inputs_per_s(count):
    begin = time.perf_counter()
    assert sum(1 for _ in mapped.map(range(count))) == count
    return count / (time.perf_counter() - begin)


@app.function(**one, timeout=600)
def generator_items_per_s(count):
    begin = time.perf_counter()
    assert sum(1 for _ in items.remote_gen(count)) == count
    return count / (time.perf_counter() - begin)
