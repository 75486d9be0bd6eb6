"""Plain calls by the official client: one deploy, many asserts."""

from pathlib import Path

import pytest

APP = Path(__file__).parent / "apps" / "plain.py"


@pytest.fixture(scope="module")
def plain(daemon):
    daemon.deploy(APP)
    return daemon


def run(daemon, code, **environment):
    done = daemon.python(
        "import modal\nf = lambda name: modal.Function.from_name('plain', name)\n" + code, **environment
    )
    assert done.status == 0, done.output + daemon.log()[-4000:]
    return done.output


def test_remote_gives_what_the_function_returned(plain):
    out = run(plain, "print(f('add').remote(2, b=3), f('echo').remote({'a': [1, None, 'ü']}))")
    assert out.split("\n")[0] == "5 {'a': [1, None, 'ü']}"


def test_a_failure_is_raised_with_the_remote_traceback(plain):
    out = run(
        plain,
        "import traceback\n"
        "try:\n    f('fail').remote('no good')\n"
        "except ValueError as e:\n    print(repr(e)); traceback.print_exc()",
    )
    assert "ValueError('no good')" in out and "plain.py" in out and "in fail" in out, out


def test_cbor_is_spoken_as_well_as_pickle(plain):
    assert "[1, 2.5, 'x']" in run(plain, "print(f('echo').remote([1, 2.5, 'x']))", MODAL_PAYLOAD_FORMAT="cbor")


def test_a_spawned_call_is_found_by_its_id_and_got_more_than_once(plain):
    out = run(
        plain,
        "call = f('add').spawn(20, b=22)\n"
        "again = modal.FunctionCall.from_id(call.object_id)\n"
        "print(again.get(timeout=60), again.get(), modal.FunctionCall.gather(call, f('add').spawn(1)), again.num_inputs())\n"
        "slow = f('nap').spawn(300)\n"
        "try:\n    slow.get(timeout=0.5)\n"
        "except TimeoutError:\n    print('not yet')\n"
        "slow.cancel()\n"
        "try:\n    slow.get()\n"
        "except modal.exception.RemoteError as e:\n    print(e)",
    )
    assert out.split("\n")[:3] == ["42 42 [42, 2] 1", "not yet", "Input was cancelled by user"], out


def test_large_arguments_and_results_arrive_whole(plain):
    size = 5_000_000
    out = run(
        plain,
        f"blob = bytes(range(256)) * {size // 256}\n"
        "print(f('echo').remote(blob) == blob)\n"
        f"print(len(f('big').remote({size})), len(f('big').spawn(100_000).get()))",
    )
    assert out.split("\n")[:2] == ["True", f"{size} 100000"], out


def test_a_call_inside_a_container_is_a_call_like_any_other(plain):
    assert run(plain, "print(f('nested').remote(4))").split("\n")[0] == str(2 * (1 + 2 + 3 + 4))


def test_code_in_a_container_knows_its_ids(plain):
    input_id, call_id, task_id = eval(run(plain, "print(f('where').remote())").split("\n")[0])
    assert (input_id[:3], call_id[:3], task_id[:3]) == ("in-", "fc-", "ta-")


def test_map_keeps_the_order_and_returns_exceptions_when_asked(plain):
    out = run(
        plain,
        "print(list(f('add').map(range(5))))\n"
        "print(list(f('add').starmap([(1, 2), (3, 4)])))\n"
        "print(list(f('fail').map(['a', 'b'], return_exceptions=True)))\n"
        "f('add').for_each([1, 2])\n"
        "print(len(list(f('add').map(range(300), order_outputs=False))))",
    )
    assert out.split("\n")[:4] == ["[1, 2, 3, 4, 5]", "[3, 7]", "[ValueError('a'), ValueError('b')]", "300"], out
