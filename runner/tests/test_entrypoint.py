"""The runner under the official client's container entrypoint, unmodified, in every supported version."""

import ast
import json
import shutil
import signal
import subprocess

import pytest
from control import http_input, seat_input
from gateway import DRAIN, PING, PONG, Gateway
from modal_proto import api_pb2
from paths import HERE, RUNNER_DIR, TIMEOUT


def test_asgi_function_is_served_and_ends_cleanly(start):
    container = start("plain")
    with container.sit() as gateway:
        request_id = "0" * 20 + "abcdef"
        answer = gateway.request(path=b"/x", request_id=request_id.encode())
        assert json.loads(answer.body) == [f"in-{request_id}", f"fc-{request_id}", {"started": "yes"}, "/x"]
        assert container.output == "startup\n"
        gateway.send_frame(DRAIN)
        output = container.control.outputs.get(timeout=TIMEOUT)
    assert output.input_id == "in-seat"
    assert output.result.status == api_pb2.GenericResult.GENERIC_STATUS_SUCCESS
    container.finish()
    assert container.output == "startup\nshutdown\n"
    assert container.errors == ""
    calls = [name for name in container.control.calls if name != "ContainerHeartbeat"]
    assert calls == ["ContainerHello", "FunctionGetInputs", "FunctionPutOutputs", "FunctionGetInputs"]


@pytest.mark.parametrize("function", ["plain", "wsgi"])
def test_who_has_connected_before_is_greeted_before_any_input_is_asked_for(start, function):
    container = start(function)
    with Gateway(container.path, TIMEOUT, container.first) as gateway:
        container.control.give(seat_input())
        assert gateway.request().status == 200
        gateway.send_frame(DRAIN)
        container.control.outputs.get(timeout=TIMEOUT)
    container.finish()


@pytest.mark.parametrize("function", ["plain", "wsgi"])
def test_the_first_hello_says_how_long_ago_the_module_was_imported(start, function):
    container = start(function)
    with Gateway(container.path, TIMEOUT, container.first) as gateway:
        _, _, passed = gateway.hello.payload.partition(b"\n")
        assert 0 < int(passed) < TIMEOUT * 1_000_000
        container.control.give(seat_input())
        with Gateway(container.path, TIMEOUT) as later:
            assert b"\n" not in later.hello.payload
        gateway.send_frame(DRAIN)
        container.control.outputs.get(timeout=TIMEOUT)
    container.finish()


@pytest.mark.parametrize("environment", [{"BIMODAL_LISTEN_FD": ""}, {"BIMODAL_RUNNER_TAKEOVER": "0"}])
def test_without_a_takeover_nobody_is_greeted(start, environment):
    container = start("plain", environment=environment)
    assert official_answer(container)[0] == "in-http"
    container.first.setblocking(False)
    with pytest.raises(BlockingIOError):
        container.first.recv(1)
    container.finish()
    assert container.errors == ""


def test_a_drain_lets_the_running_request_finish(start, tmp_path):
    container = start("plain")
    gate = tmp_path / "gate"
    with container.sit() as gateway:
        stream = gateway.begin(query=str(gate).encode())
        gateway.send_frame(DRAIN)
        gateway.send_frame(PING)
        gateway.expect(PONG)
        assert container.control.outputs.empty()
        gate.touch()
        assert gateway.answer(stream).status == 200
    container.finish()
    assert container.output.endswith("shutdown\n")


@pytest.mark.parametrize("concurrency", [0, 10])
def test_all_web_methods_of_a_class_share_one_seat(start, concurrency):
    container = start("Web", ["first", "second"], max_concurrent_inputs=concurrency)
    with container.sit("first") as gateway:
        ids, *_ = json.loads(gateway.request(web_method=b"first").body)
        assert ids.startswith("in-")
        answer = gateway.request(web_method=b"second", request_id=b"z" * 26)
        assert json.loads(answer.body) == ["model", "in-" + "z" * 26, "ta-test"]
        gateway.send_frame(DRAIN)
        container.control.outputs.get(timeout=TIMEOUT)
    container.finish()
    assert container.output == "enter\nstartup\nshutdown\nexit\n"


def test_several_seats_end_together(start):
    container = start("Web", ["first", "second"], max_concurrent_inputs=10)
    with container.sit("first") as gateway:
        container.control.give(seat_input("second", "seat2"))
        assert gateway.request(web_method=b"second").status == 200
        gateway.send_frame(DRAIN)
        outputs = {container.control.outputs.get(timeout=TIMEOUT).input_id for _ in range(2)}
    assert outputs == {"in-seat", "in-seat2"}
    container.finish()


def test_fastapi_endpoint_is_served(start):
    container = start("endpoint")
    with container.sit() as gateway:
        answer = gateway.request(query=b"name=Bimodal")
        assert (answer.status, answer.body) == (200, b'"Hello, Bimodal"')
        assert gateway.request(b"POST").status == 405
        assert gateway.request(path=b"/docs").status == 404


def test_wsgi_application_is_served_from_its_threads(start):
    container = start("wsgi")
    with container.sit() as gateway:
        streams = [gateway.begin(b"POST", body=str(n).encode()) for n in range(20)]
        for n, stream in enumerate(streams):
            assert gateway.answer(stream).body == f"wsgi POST {n}".encode()


def test_an_interrupt_cancels_running_requests_and_runs_exit_handlers(start, tmp_path):
    container = start("Web", ["first", "second"], max_concurrent_inputs=10)
    with container.sit("first") as gateway:
        stream = gateway.begin(query=str(tmp_path / "never").encode(), web_method=b"first")
        gateway.send_frame(PING)
        gateway.expect(PONG)
        container.process.send_signal(signal.SIGINT)
        assert gateway.answer(stream).aborted == "the request was cancelled"
    assert container.process.wait(TIMEOUT) == 0
    assert container.output == "enter\nstartup\nshutdown\nexit\n"


def test_an_application_that_cannot_be_made_is_a_task_result(start):
    container = start("broken")
    assert container.process.wait(TIMEOUT) == 0
    (result,) = container.control.task_results
    assert result.exception == "no application today" or "no application today" in result.exception


def official_answer(container):
    """Has the container answer a request over the client's own path, as the input's output and data."""
    container.control.give(http_input())
    output = container.control.outputs.get(timeout=TIMEOUT)
    assert output.result.status == api_pb2.GenericResult.GENERIC_STATUS_SUCCESS
    start, body = container.control.data_out
    assert start.http_response_start.status == 200
    return json.loads(body.http_response_body.body)


def test_other_inputs_take_the_clients_own_path(start):
    container = start("plain")
    assert official_answer(container) == ["in-http", "fc-http", {"started": "yes"}, "/official"]
    with container.sit() as gateway:
        assert gateway.request().status == 200
        gateway.send_frame(DRAIN)
    container.finish()


def test_an_unknown_client_keeps_its_own_path_and_says_so_once(start, tmp_path):
    """The image's own sitecustomize, which must run too, stands for a client that is built differently."""
    (tmp_path / "sitecustomize.py").write_text(
        "from modal._runtime.asgi import LifespanManager\n"
        "known = LifespanManager.__init__\n"
        "LifespanManager.__init__ = lambda self, application, context: known(self, application, context)\n"
    )
    container = start("plain", environment={"PYTHONPATH": f"{RUNNER_DIR}:{HERE}:{tmp_path}"})
    assert official_answer(container)[0] == "in-http"
    container.finish()
    prefix = "bimodal: web requests take the client's own path: "
    assert [line.startswith(prefix) for line in container.errors.splitlines()] == [True]


def test_the_users_packages_come_before_our_fallbacks(client_python, tmp_path):
    modal_dir = tmp_path / "__modal"
    shutil.copytree(RUNNER_DIR, modal_dir / "runner")
    for folder in ("deps", "fastapi"):
        (modal_dir / folder).mkdir()
    script = "import sys; print([path for path in sys.path if '__modal' in path or 'site-packages' in path])"
    environment = {"PYTHONPATH": str(modal_dir / "runner"), "PYTHONDONTWRITEBYTECODE": "1"}
    shown = subprocess.run([client_python, "-c", script], env=environment, capture_output=True, check=True).stdout
    order = [path.rsplit("/", 1)[1] for path in ast.literal_eval(shown.decode())]
    assert order == ["runner", "site-packages", "deps", "fastapi"]
