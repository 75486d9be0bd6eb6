"""Plain inputs under the official client's container entrypoint, in every supported version."""

import pickle
import time

import pytest
from control import plain_input
from modal_proto import api_pb2
from paths import HERE, RUNNER_DIR, TIMEOUT

SUCCESS = api_pb2.GenericResult.GENERIC_STATUS_SUCCESS
FAILURE = api_pb2.GenericResult.GENERIC_STATUS_FAILURE
TERMINATED = api_pb2.GenericResult.GENERIC_STATUS_TERMINATED


class Unpicklable:
    """Arrives as something that can be multiplied and not be sent back."""

    def __reduce__(self):
        return eval, ("type('Lock', (), {'__mul__': lambda self, times: __import__('_thread').allocate_lock()})()",)


def output_of(container, name, *arguments):
    container.control.give(plain_input(name, *arguments))
    output = container.control.outputs.get(timeout=TIMEOUT)
    assert output.input_id == f"in-{name}", output
    return output


def value_of(output):
    assert output.result.status == SUCCESS, output.result
    return pickle.loads(output.result.data)


@pytest.mark.parametrize("function", ["double", "double_later"])
def test_each_input_costs_a_question_and_an_answer(start, function):
    container = start(function)
    assert [value_of(output_of(container, str(number), number)) for number in range(3)] == [0, 2, 4]
    container.finish()
    assert container.errors == ""
    calls = [name for name in container.control.calls if name != "ContainerHeartbeat"]
    assert calls == ["ContainerHello", *(["FunctionGetInputs", "FunctionPutOutputs"] * 3), "FunctionGetInputs"]


@pytest.mark.parametrize("function", ["fail", "fail_later"])
def test_a_failure_is_told_with_a_traceback_and_the_next_input_runs(start, function):
    container = start(function)
    for word in ("first", "second"):
        result = output_of(container, word, word).result
        assert result.status == FAILURE and result.exception == f"ValueError({word!r})"
        assert "raise ValueError(word)" in result.traceback and "bimodal_runner" not in result.traceback
    container.finish()


def test_a_large_result_takes_the_clients_own_path_and_one_that_cannot_be_pickled_fails(start):
    container = start("repeat")
    assert len(value_of(output_of(container, "large", "0123456789abcdef", 100_000))) == 1_600_000
    assert output_of(container, "none", None, 0).result.status == FAILURE
    assert output_of(container, "unpicklable", Unpicklable(), 2).result.status == FAILURE
    assert value_of(output_of(container, "small", "x", 3)) == "xxx"
    container.finish()


@pytest.mark.parametrize("concurrency", [0, 3])
@pytest.mark.parametrize("function", ["numbers", "numbers_later"])
def test_all_items_of_a_generator_come_before_its_end(start, function, concurrency):
    container = start(function, max_concurrent_inputs=concurrency)
    done = output_of(container, "many", 5000)
    assert container.control.items == list(range(5000))
    assert done.data_format == api_pb2.DATA_FORMAT_GENERATOR_DONE
    container.finish()
    assert container.errors == ""


@pytest.mark.parametrize("function", ["nap", "nap_later"])
def test_a_cancelled_input_ends_and_its_container_goes_on(start, function):
    container = start(function)
    container.control.give(plain_input("long", 60))
    until = time.monotonic() + TIMEOUT
    while "napping" not in container.output:
        assert time.monotonic() < until
        time.sleep(0.01)
    container.control.cancel("in-long")
    output = container.control.outputs.get(timeout=TIMEOUT)
    assert (output.input_id, output.result.status) == ("in-long", TERMINATED)
    assert value_of(output_of(container, "short", 0)) == "rested"
    container.finish()


def test_an_unknown_client_runs_inputs_its_own_way_and_says_so_once(start, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "from modal._runtime.container_io_manager import IOContext\nIOContext.cancel = lambda self: None\n"
    )
    container = start("double", environment={"PYTHONPATH": f"{RUNNER_DIR}:{HERE}:{tmp_path}"})
    assert value_of(output_of(container, "any", 3)) == 6
    container.finish()
    prefix = "bimodal: plain inputs take the client's own path: "
    assert [line.startswith(prefix) for line in container.errors.splitlines()] == [True]
