"""Generators, classes, batches, retries, timeouts, cancellation and lost containers, by the official client."""

import json
from pathlib import Path

import pytest
from support.calling import prelude

APP = Path(__file__).parent / "apps" / "kinds.py"
PRELUDE = prelude("kinds")


@pytest.fixture(scope="module")
def urls(daemon):
    return daemon.deploy(APP)


def run(daemon, code, **environment):
    """The JSON value that `code` prints."""
    done = daemon.python(PRELUDE + "import json\n" + code, **environment)
    assert done.status == 0, done.output + daemon.log()[-4000:]
    return json.loads(done.output.strip().split("\n")[-1])


def test_a_generator_gives_its_items_as_they_come(daemon, urls):
    code = """
async def letters():
    return [letter async for letter in f('letters').remote_gen.aio('abc')]
print(json.dumps([list(f('numbers').remote_gen(5)), asyncio.run(letters()), f('sum_of_numbers').remote(100)]))
"""
    assert run(daemon, code) == [[0, 1, 2, 3, 4], ["a", "b", "c"], 4950]


def test_a_generator_that_fails_gives_its_items_first(daemon, urls):
    code = """
items = []
def go():
    for item in f('numbers').remote_gen(3, fail=True):
        items.append(item)
print(json.dumps([failure(go), items]))
"""
    error, items = run(daemon, code)
    assert (error, items) == ("ValueError: after the items", [0, 1, 2])


def test_methods_are_called_on_instances_with_parameters_of_their_own(daemon, urls):
    code = """
five, seven = cls('Counter')(start=5), cls('Counter')(start=7)
print(json.dumps([five.add.remote(1), five.add.remote(1), seven.add.remote(1), list(five.items.remote_gen(2)),
    cls('Plain')().hello.remote('you'), cls('Plain')().ask_counter.remote(40), list(seven.add.map([1, 1]))]))
"""
    assert run(daemon, code) == [6, 7, 8, [5, 6], "hello you", 41, [9, 10]]


def test_web_and_plain_methods_of_a_class_share_its_container(daemon, urls):
    code = "print(json.dumps(cls('Counter')(start=100).add.remote(11)))"
    assert run(daemon, code) == 111
    url = next(url for url in urls if "counter" in url)
    assert daemon.get(url, params={"start": "100"}).json() == {"count": 111}


def test_batched_and_concurrent_functions_get_several_inputs_at_once(daemon, urls):
    batches, together = run(
        daemon, "print(json.dumps([list(f('double').map(range(4))), list(f('together').map([5] * 5))]))"
    )
    assert [value for value, size in batches] == [0, 2, 4, 6]
    assert max(size for value, size in batches) > 1, batches
    assert together == [True] * 5


def test_a_failed_input_is_retried_as_the_function_says(daemon, urls):
    code = "print(json.dumps([f('flaky').remote('a', 2), failure(lambda: f('flaky').remote('b', 9))]))"
    assert run(daemon, code) == [3, "ValueError: try 3"]


def test_an_input_that_takes_too_long_times_out_and_its_container_goes_on(daemon, urls):
    first, error, second = run(
        daemon,
        "s = f('sleep')\nprint(json.dumps([s.remote(0), failure(lambda: s.remote(60)), s.remote(0)]))",
    )
    assert error.startswith("FunctionTimeoutError: Task's current input in-"), error
    assert first == second


def test_a_cancelled_input_leaves_its_container_free_for_the_next(daemon, urls):
    code = """
s = f('long_sleep')
task = s.remote(0)
call = s.spawn(150)
while s.get_current_stats().num_running_inputs == 0:
    time.sleep(0.05)
call.cancel()
print(json.dumps([failure(call.get), s.remote(0) == task]))
"""
    assert run(daemon, code) == ["RemoteError: Input was cancelled by user", True]


def test_a_container_that_dies_in_a_map_costs_no_result(daemon, urls):
    results = run(daemon, "print(json.dumps(list(f('one_dies').map(range(1000)))))")
    assert results == list(range(1000))


def test_an_input_that_kills_its_containers_fails_alone(daemon, urls):
    code = """
print(json.dumps([str(type(x).__name__) if isinstance(x, Exception) else x
    for x in f('poison').map(range(6), return_exceptions=True)]))
"""
    assert run(daemon, code) == [0, 1, 2, "InternalFailure", 4, 5]


def test_the_callers_of_a_call_are_known(daemon, urls):
    code = """
call = f('sum_of_numbers').spawn(3)
call.get()
[root] = call.get_call_graph()
print(json.dumps([root.function_name, root.status.name, [c.function_name for c in root.children]]))
"""
    assert run(daemon, code) == ["sum_of_numbers", "SUCCESS", ["numbers"]]
