"""Functions that do nothing, to measure what is around them."""

import modal

app = modal.App("bench-calls")


@app.function(min_containers=1, max_containers=1)
def nothing(value):
    return value


@app.function(min_containers=4, max_containers=4)
def mapped(value):
    return value


@app.function(min_containers=1, max_containers=1)
def items(count):
    yield from range(count)
