"""What a request prints is marked with its ids, and everything else isn't."""

import subprocess
import sys

from paths import RUNNER_DIR

# The client's module, as far as it matters here.
STAND_IN = """
import contextvars, sys, threading, types
from bimodal_runner import output
output.install()
print("too early")
ids = types.ModuleType("modal._runtime.execution_context")
ids._current_input_id = contextvars.ContextVar("input")
ids._current_function_call_id = contextvars.ContextVar("call")
sys.modules[ids.__name__] = ids
print("no request")

def request(number, work):
    def run():
        ids._current_input_id.set(f"in-{number}")
        ids._current_function_call_id.set(f"fc-{number}")
        work()
    contextvars.copy_context().run(run)
"""

MARK = "\x1ein-1 fc-1\x1f"


def lines_of(code, *flags):
    done = subprocess.run(
        [sys.executable, *flags, "-c", STAND_IN + code],
        capture_output=True, text=True, timeout=20, env={"PYTHONPATH": str(RUNNER_DIR)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    out = done.stdout.split("\n")
    assert out[:2] == ["too early", "no request"]
    return out[2:-1], done.stderr.split("\n")[:-1]


def test_each_line_of_a_request_begins_with_its_mark():
    out, err = lines_of('request(1, lambda: print("a", "b\\nc"))\nprint("after")\n', "-u")
    assert out == [MARK + "a b", MARK + "c", "after"]
    assert err == []


def test_a_line_in_pieces_is_marked_once():
    code = """
def work():
    sys.stdout.write("a")
    sys.stdout.write("")
    sys.stdout.write("b\\n\\nc")
    sys.stdout.writelines(["d", "\\n"])
request(1, work)
request(2, lambda: print("e"))
"""
    assert lines_of(code)[0] == [MARK + "ab", MARK, MARK + "cd", "\x1ein-2 fc-2\x1fe"]


def test_a_traceback_is_marked_on_every_line():
    code = """
def work():
    import traceback
    try:
        raise ValueError("why")
    except ValueError:
        traceback.print_exc()
request(1, work)
"""
    _, err = lines_of(code)
    assert err[-1] == MARK + "ValueError: why"
    assert all(line.startswith(MARK) for line in err)


def test_the_streams_stay_what_they_were():
    code = """
assert (sys.stdout.encoding, sys.stdout.errors, sys.stdout.mode) == (sys.__stdout__.encoding, sys.__stdout__.errors, "w")
assert sys.stdout.fileno() == 1 and sys.stdout.name == "<stdout>" and not sys.stdout.isatty()
assert sys.stdout.write("xy\\n") == 3
sys.stdout.buffer.write(b"bytes\\n")
try:
    sys.stdout.write(1)
except TypeError:
    print("a str, please")
sys.stdout.reconfigure(line_buffering=True)
"""
    assert lines_of(code, "-u")[0] == ["xy", "bytes", "a str, please"]


def test_a_stream_that_somebody_replaced_is_left_alone():
    code = """
import io
sys.stderr = mine = io.StringIO()
output.install()
assert sys.stderr is mine
first = sys.stdout
output.install()
assert sys.stdout is first
"""
    assert lines_of(code)[0] == []
