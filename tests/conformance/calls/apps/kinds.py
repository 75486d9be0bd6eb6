"""Generators, classes, batches, and functions that fail in their ways."""

import os
import time

import modal

app = modal.App("kinds")
once = modal.Dict.from_name("kinds-once", create_if_missing=True)
tries: dict[str, int] = {}


@app.function(max_containers=1)
def numbers(n, fail=False):
    yield from range(n)
    if fail:
        raise ValueError("after the items")


@app.function(max_containers=1)
async def letters(text):
    for letter in text:
        yield letter


@app.function(max_containers=1)
def sum_of_numbers(n):
    return sum(numbers.remote_gen(n))


@app.function(max_containers=1)
@modal.batched(max_batch_size=4, wait_ms=2000)
def double(values):
    return [(2 * value, len(values)) for value in values]


@app.function(max_containers=1)
@modal.concurrent(max_inputs=20)
async def together(n):
    import asyncio

    tries["running"] = tries.get("running", 0) + 1
    while tries["running"] < n:
        await asyncio.sleep(0.01)
    return True


@app.function(max_containers=1, retries=modal.Retries(max_retries=2, backoff_coefficient=1.0, initial_delay=0.1))
def flaky(key, failures):
    tries[key] = tries.get(key, 0) + 1
    if tries[key] <= failures:
        raise ValueError(f"try {tries[key]}")
    return tries[key]


@app.function(max_containers=1, timeout=1)
def sleep(seconds):
    time.sleep(seconds)
    return os.environ["MODAL_TASK_ID"]


@app.function(max_containers=1, timeout=200)
def long_sleep(seconds):
    time.sleep(seconds)
    return os.environ["MODAL_TASK_ID"]


@app.function(max_containers=4)
def one_dies(i):
    if i == 500 and once.put("died", True, skip_if_exists=True):
        os._exit(9)
    return i


@app.function(max_containers=2)
def poison(i):
    if i == 3:
        os._exit(9)
    return i


@app.cls(max_containers=1)
class Counter:
    start: int = modal.parameter(default=0)

    @modal.enter()
    def enter(self):
        self.count = self.start

    @modal.method()
    def add(self, n):
        self.count += n
        return self.count

    @modal.method()
    def items(self, n):
        yield from range(self.start, self.start + n)

    @modal.fastapi_endpoint()
    def web(self):
        return {"count": self.count}


@app.cls(max_containers=1)
class Plain:
    @modal.method()
    def hello(self, name):
        return f"hello {name}"

    @modal.method()
    def ask_counter(self, n):
        return Counter(start=n).add.remote(1)
