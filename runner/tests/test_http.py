"""Requests and responses over frames, with plain ASGI applications."""

import json

import pytest
from gateway import BODY, CALLER_GONE, CANCEL, CREDIT, DONE, END, INITIAL_CREDIT, PING, PONG, RESPONSE, encode_frame
from steps import begin_and_run, scope_of


def test_says_hello_with_its_task_id(serve):
    gateway = serve("hello").connect()
    assert gateway.hello.payload == b"ta-test"


def test_answers_a_small_response_in_one_frame_and_then_done(serve):
    gateway = serve("hello").connect()
    stream = gateway.begin()
    response = gateway.expect(RESPONSE, stream)
    assert response.end and response.payload.endswith(b"Hello, world!")
    assert gateway.expect(DONE, stream).payload == b""


def test_serves_many_requests_on_many_connections(serve):
    host = serve("hello")
    gateways = [host.connect() for _ in range(4)]
    for _ in range(50):
        streams = [(gateway, gateway.begin()) for gateway in gateways for _ in range(5)]
        for gateway, stream in streams:
            answer = gateway.answer(stream)
            assert (answer.status, answer.body) == (200, b"Hello, world!")
            assert answer.headers == [(b"content-type", b"text/plain"), (b"content-length", b"13")]


def test_scope_is_as_the_specification_says(serve):
    scope = scope_of(
        serve("show_scope"), b"POST", b"/caf%C3%A9/%2F%zz", b"a=%20&b=\xff",
        [(b"host", b"app.localhost:8080"), (b"x-odd", b"\xe9"), (b"x-odd", b"")], body=b"ignored",
    )  # fmt: skip
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/café//%zz",
        "raw_path": {"bytes": "/caf%C3%A9/%2F%zz"},
        "query_string": {"bytes": "a=%20&b=\xff"},
        "root_path": "",
        "headers": [
            {"tuple": [{"bytes": "host"}, {"bytes": "app.localhost:8080"}]},
            {"tuple": [{"bytes": "x-odd"}, {"bytes": "\xe9"}]},
            {"tuple": [{"bytes": "x-odd"}, {"bytes": ""}]},
        ],
        "client": {"tuple": ["192.0.2.7", 54321]},
        "server": {"tuple": ["app.localhost", 8080]},
        "extensions": {"http.response.trailers": {}, "http.response.pathsend": {}},
        "state": {"from_lifespan": 1},
    }


@pytest.mark.parametrize(
    "host_header, https, expected",
    [
        (b"a.localhost", False, ["a.localhost", 80]),
        (b"a.localhost", True, ["a.localhost", 443]),
        (b"[::1]:8443", True, ["::1", 8443]),
        (b"[::1]", False, ["::1", 80]),
        (b"a:99999", False, ["a", 80]),
        (b"a:", False, ["a", 80]),
    ],
)
def test_server_comes_from_the_host_header(serve, host_header, https, expected):
    scope = scope_of(serve("show_scope"), headers=[(b"host", host_header)], https=https)
    assert scope["server"] == {"tuple": expected}
    assert scope["scheme"] == ("https" if https else "http")


def test_scope_without_addresses_and_with_other_versions(serve):
    host = serve("show_scope")
    scope = scope_of(host, headers=[], client=(b"", 0), http_version=20)
    assert (scope["client"], scope["server"], scope["http_version"]) == (None, None, "2")
    scope = scope_of(host, server=(b"10.0.0.1", 81), http_version=10)
    assert (scope["server"], scope["http_version"]) == ({"tuple": ["10.0.0.1", 81]}, "1.0")


def test_nothing_of_the_scope_is_shared_between_requests(serve):
    gateway = serve("change_scope").connect()
    assert gateway.request().body == gateway.request().body


def test_context_ids_are_those_of_the_request(serve):
    gateway = serve("show_ids").connect()
    ids = [f"{n:026}" for n in range(3)]
    streams = [gateway.begin(request_id=one.encode()) for one in ids]
    for one, stream in zip(ids, streams):
        assert json.loads(gateway.answer(stream).body) == [["in-" + one, "fc-" + one]] * 3


def test_body_is_streamed_both_ways(serve):
    gateway = serve("echo").connect()
    stream = gateway.begin(b"POST", body=b"one,", end=False)
    gateway.send_frame(BODY, stream, b"two,")
    assert gateway.expect(RESPONSE, stream).payload.endswith(b"one,")
    assert gateway.expect(BODY, stream).payload == b"two,"
    gateway.send_frame(BODY, stream, b"three", flags=END)
    last = gateway.expect(BODY, stream)
    assert last.payload == b"three" and last.end
    gateway.expect(DONE, stream)


def test_the_end_of_a_body_may_come_alone(serve):
    gateway = serve("count_body").connect()
    stream = gateway.begin(b"POST", body=b"12345", end=False)
    gateway.send_frame(BODY, stream, flags=END)
    assert json.loads(gateway.answer(stream).body)[0] == 5


def test_frames_may_arrive_in_any_pieces(serve):
    gateway = serve("echo").connect()
    stream = gateway.begin(b"POST", end=False)
    frame = encode_frame(BODY, stream, b"d" * 5000, flags=END)
    for byte in frame[:40]:
        gateway.socket.sendall(bytes([byte]))
    gateway.socket.sendall(frame[40:])
    assert gateway.answer(stream).body == b"d" * 5000


def test_upload_beyond_the_credit_waits_for_the_application(serve):
    gateway = serve("count_body").connect()
    stream = gateway.begin(b"POST", end=False)
    left, credit = 3 * 1024 * 1024, INITIAL_CREDIT
    while left:
        size = min(left, credit, 64 * 1024)
        if size == 0:
            credit += gateway.expect(CREDIT, stream).extra
            continue
        left, credit = left - size, credit - size
        gateway.send_frame(BODY, stream, bytes(size), flags=0 if left else END)
    assert json.loads(gateway.answer(stream).body)[0] == 3 * 1024 * 1024


def test_a_gateway_that_overdraws_its_credit_is_cut_off(serve):
    host = serve("sleep")
    gateway = host.connect()
    stream = gateway.begin(b"POST", query=b"0.5", end=False)
    with pytest.raises((EOFError, ConnectionError)):
        for _ in range(5):
            gateway.send_frame(BODY, stream, bytes(64 * 1024))
        gateway.read_frame()
    assert host.connect().request(query=b"0").status == 200, "others are served on"


@pytest.mark.parametrize("frame", [dict(kind=99, stream=1), dict(kind=DONE, stream=0), dict(kind=2, stream=1, extra=9)])
def test_a_gateway_that_breaks_the_protocol_is_cut_off(serve, frame):
    host = serve("sleep")
    gateway = host.connect()
    begin_and_run(gateway)
    gateway.send_frame(**frame)
    with pytest.raises((EOFError, ConnectionError)):
        gateway.read_frame()
    assert host.connect().request(query=b"0").status == 200


def test_send_waits_when_the_credit_is_used_up(serve):
    host = serve("stream_for_ever")
    gateway = host.connect()
    stream = gateway.begin()
    received = 0
    while received < INITIAL_CREDIT:
        frame = gateway.frame_of(stream)
        received += len(frame.payload) - (frame.extra if frame.type == RESPONSE else 0)
    assert received == INITIAL_CREDIT
    gateway.send_frame(PING, extra=5)
    assert gateway.expect(PONG).extra == 5, "nothing more of the stream comes before the answer"
    gateway.send_frame(CREDIT, stream, extra=1000)
    assert len(gateway.expect(BODY, stream).payload) == 1000
    gateway.send_frame(CANCEL, stream, extra=CALLER_GONE)
    gateway.expect(DONE, stream)
    output = host.drain()
    assert "sent KiB 256" in output
    assert host.errors == "", "a caller that goes away is no error"


def test_a_slow_caller_suspends_no_other_request(serve):
    gateway = serve("stream_for_ever", "hello").connect()
    stuck = gateway.begin(web_method=b"stream_for_ever")
    gateway.expect(RESPONSE, stuck)
    for _ in range(20):
        assert gateway.request(web_method=b"hello").status == 200


def test_one_large_body_arrives_whole(serve):
    answer = serve("one_large_body").connect().request(query=b"5000000")
    assert answer.body == b"x" * 5000000


def test_head_sends_no_body(serve):
    answer = serve("one_large_body").connect().request(b"HEAD", query=b"5000000")
    assert (answer.status, answer.body, answer.complete) == (200, b"", True)


def test_bytearray_memoryview_and_header_generators_are_accepted(serve):
    answer = serve("other_body_types").connect().request()
    assert answer.body == b"onetwo"
    assert answer.headers == [(b"a", b"1"), (b"b", b"2")]


def test_an_empty_chunk_sends_the_head_at_once(serve):
    gateway = serve("head_first").connect()
    stream = gateway.begin()
    response = gateway.expect(RESPONSE, stream)
    assert len(response.payload) == response.extra and not response.end


def test_trailers_come_before_the_end(serve):
    answer = serve("trailers").connect().request()
    assert answer.complete and answer.body == b"with trailers"
    assert answer.trailers == [(b"checksum", b"1"), (b"rows", b"2")]


def test_response_before_the_body_was_read(serve):
    host = serve("early")
    answer = host.connect().request(b"POST", body=b"x" * 1000, end=False)
    assert (answer.status, answer.body) == (413, b"no need")
    assert "after the response: http.disconnect" in host.drain()


def test_an_application_that_never_stops_listening_lets_the_loop_run(serve):
    assert serve("listen_for_ever").connect().request().complete


def test_exception_before_the_response_aborts_with_one_line(serve):
    host = serve("fail_before")
    answer = host.connect().request()
    assert answer.status == 0
    assert answer.aborted == "ValueError: before the start"
    host.drain()
    assert "Traceback" in host.errors and "in fail_before" in host.errors


def test_exception_after_the_start_aborts_the_response(serve):
    host = serve("fail_after")
    answer = host.connect().request()
    assert (answer.status, answer.body, answer.complete) == (200, b"part", False)
    assert answer.aborted == "ValueError: after the start"


def test_exception_after_a_complete_response_is_only_logged(serve):
    host = serve("fail_complete")
    answer = host.connect().request()
    assert (answer.status, answer.complete, answer.aborted) == (500, True, None)
    host.drain()
    assert "ValueError: after the response" in host.errors


@pytest.mark.parametrize(
    "app, reason",
    [
        ("no_response", "the application returned without sending a response"),
        ("half_response", "the application returned before its response was complete"),
        ("cancel_itself", "the request was cancelled"),
        ("not_a_coroutine", "AttributeError: 'int' object has no attribute '__await__'"),
    ],
)
def test_an_application_without_a_response_is_aborted(serve, app, reason):
    gateway = serve(app).connect()
    assert gateway.request().aborted == reason
    assert gateway.request().aborted == reason, "and the runner serves on"


@pytest.mark.parametrize("when", [b"", b"later"])
def test_system_exit_ends_the_process_and_the_caller_is_told(serve, when):
    host = serve("leave")
    assert host.connect().request(query=when).aborted == "the application ended its process"
    assert host.process.wait(10) == 3


def test_an_application_may_return_any_awaitable(serve):
    assert serve("awaited").connect().request().body == b"awaited"


def test_wrong_messages_raise_and_do_no_harm(serve):
    host = serve("misuse")
    answer = host.connect().request()
    assert json.loads(answer.body) == [
        "TypeError", "KeyError", "RuntimeError", "ValueError", "TypeError", "TypeError", "ValueError", "ValueError",
        "RuntimeError", "RuntimeError", "RuntimeError", "TypeError",
    ]  # fmt: skip
    assert "after the end: unexpected ASGI message" in host.drain()
