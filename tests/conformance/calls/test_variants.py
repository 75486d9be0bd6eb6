"""with_options() and the like, settings of the autoscaler, and what else decides in which container a call runs."""

import json
from pathlib import Path

import pytest
from support.calling import prelude
from support.paths import OLDEST_PYTHON, PYTHON
from support.waiting import eventually

APP = Path(__file__).parent / "apps" / "variants.py"
PRELUDE = prelude("variants")


@pytest.fixture(scope="module")
def deployed(daemon):
    daemon.deploy(APP)
    return daemon


def run(daemon, code, python=PYTHON):
    """The JSON value that `code` prints."""
    done = daemon.python(PRELUDE + code, python)
    assert done.status == 0, done.output + daemon.log()[-4000:]
    return json.loads(done.output.strip().split("\n")[-1])


def test_each_set_of_options_has_containers_of_its_own(deployed):
    code = """
with modal.Volume.ephemeral() as volume:
    with volume.batch_upload() as batch:
        import io
        batch.put_file(io.BytesIO(b'x'), '/there')
    options = dict(env={'WORD': 'yes'}, volumes={'/data': volume}, cpu=0.25, memory=256)
    print(json.dumps([f('facts').remote(), f('facts').with_options(**options).remote(),
        f('facts').with_options(**options).remote()]))
"""
    base, first, again = run(deployed, code)
    assert (base["word"], base["files"]) == (None, None)
    assert (first["word"], first["files"]) == ("yes", ["there"])
    assert first == again, "the same options, the same container"
    assert first["task"] != base["task"]


def test_timeout_and_retries_are_those_of_the_options(deployed):
    code = """
retries = modal.Retries(max_retries=2, backoff_coefficient=1.0, initial_delay=0.1)
print(json.dumps([failure(lambda: f('facts').with_options(timeout=1).remote(60)),
    failure(f('fail').with_options(retries=retries, max_containers=1).remote)]))
"""
    timeout, failed = run(deployed, code)
    assert timeout.startswith("FunctionTimeoutError") and "timeout of 1" in timeout, timeout
    assert failed == "ValueError: try 3"


def test_concurrency_and_batches_are_those_of_the_options(deployed):
    code = """
many = f('together').with_options(max_containers=1).with_concurrency(max_inputs=5)
batches = f('sizes').with_options(max_containers=1).with_batching(max_batch_size=4, wait_ms=2000)
print(json.dumps([list(many.map([5] * 5)), max(batches.map(range(8)))]))
"""
    assert run(deployed, code) == [[True] * 5, 4]


def test_instances_of_a_class_have_options_beside_their_parameters(deployed):
    code = """
with_word = cls('Counter').with_options(env={'WORD': 'yes'}, max_containers=1)
one = cls('Counter')(start=1)
print(json.dumps([with_word(start=1).add.remote(1), with_word(start=2).add.remote(1), one.add.remote(1),
    cls('Plain').with_options(env={'WORD': 'plain'})().word.remote(), cls('Plain')().word.remote()]))
"""
    first, second, base, plain, none = run(deployed, code)
    assert [first[:2], second[:2], base[:2]] == [[2, "yes"], [3, "yes"], [2, None]]
    assert len({first[2], second[2], base[2]}) == 3
    assert (plain, none) == ("plain", None)


def test_options_that_this_server_lacks_are_refused_by_name(deployed):
    code = """
bucket = modal.CloudBucketMount('b')
print(json.dumps([failure(f('facts').with_options(volumes={'/data': bucket}).remote),
    failure(f('facts').with_options(env={'WORD': 'x' * 20_000}, region='x' * 20_000).remote),
    failure(cls('Page').with_options(timeout=9)().page.hydrate)]))
"""
    bucket, large, web = run(deployed, code)
    assert "CloudBucketMount" in bucket, bucket
    assert "options take" in large and "16384 are the most" in large, large
    assert "called over HTTP only" in web, web


def test_settings_of_the_autoscaler_hold_for_one_variant(deployed):
    code = """
import dataclasses, time
narrow = f('facts').with_options(scaledown_window=100, env={'WORD': 'scaled'})
narrow.autoscaler.update(min_containers=1, max_containers=3)
second = narrow.autoscaler.update(buffer_containers=0)
while narrow.get_current_stats().num_total_runners == 0:
    time.sleep(0.05)
base = modal.Function.from_id(f('facts').hydrate().object_id)
kept = narrow.autoscaler.settings()
narrow.autoscaler.update(min_containers=0, scaledown_window=2)
instance = cls('Counter')(start=77)
print(json.dumps([dataclasses.astuple(second), dataclasses.astuple(kept),
    base.get_current_stats().num_running_inputs, instance.update_autoscaler(max_containers=2).max_containers]))
"""
    second, kept, inputs, most = run(deployed, code)
    assert second == kept == [1, 3, 100, 0]
    assert (inputs, most) == (0, 2)


def test_a_single_use_container_gets_one_input(deployed):
    tasks = run(deployed, "print(json.dumps([*f('once').map(range(2)), f('once').remote(2)]))")
    assert len(set(tasks)) == 3


def test_the_results_of_a_spawned_map_are_had_by_their_index(deployed):
    code = """
call = f('sizes').experimental_spawn_map([[1], [2, 3]])
f('sizes').spawn_map([[1], [2, 3]])
print(json.dumps([call.get(index=1), call.get(index=0), call.num_inputs()]))
"""
    assert run(deployed, code) == [[2, 2], [1], 2]


def test_a_call_is_cancelled_with_its_container(deployed):
    code = """
import time
slow = f('facts').with_options(timeout=400, scaledown_window=400)
task = slow.remote()['task']
call = slow.spawn(300)
while slow.get_current_stats().num_running_inputs == 0:
    time.sleep(0.05)
call.cancel(terminate_containers=True)
print(json.dumps([failure(call.get), task]))
"""
    error, task = run(deployed, code)
    assert error == "RemoteError: Input was cancelled by user"
    eventually(lambda: task not in str(deployed.containers("variants")), 10, "the end of the container")


CONSTRUCTED = """
import modal

app = modal.App("variants")


@app.cls()
class Named:
    def __init__(self, number, x=""):
        self.name = f"{number} {x}"

    @modal.method()
    def name_so_far(self):
        self.name += "!"
        return self.name
"""


def test_a_constructor_of_its_own_gets_the_arguments_of_each_instance(fresh_daemon, scripts):
    # Releases after this one refuse such classes.
    daemon = fresh_daemon({"BIMODAL_MAX_PARAMETER_SETS": "2"}, python=OLDEST_PYTHON)
    script = scripts / "constructed.py"
    script.write_text(CONSTRUCTED)
    daemon.deploy(script)
    code = """
Named = cls('Named')
one, two = Named(1, x='a'), Named(number=2)
print(json.dumps([one.name_so_far.remote(), Named(1, x='a').name_so_far.remote(), two.name_so_far.remote(),
    failure(lambda: Named(3).name_so_far.remote()), failure(lambda: Named('x' * 20_000).name_so_far.remote())]))
"""
    first, again, second, refused, large = run(daemon, code, python=OLDEST_PYTHON)
    assert [first, again, second] == ["1 a!", "1 a!!", "2 !"]
    assert "scheduler.max_parameter_sets" in refused, refused
    assert "class parameters take" in large and "16384 are the most" in large, large
