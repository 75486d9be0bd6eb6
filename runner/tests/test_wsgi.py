"""WSGI applications over frames: PEP 3333 and what it leaves to servers."""

import json
import os

import pytest
from gateway import (
    ABORT,
    BODY,
    CALLER_GONE,
    CANCEL,
    CREDIT,
    DONE,
    DRAIN,
    END,
    INITIAL_CREDIT,
    REQUEST,
    RESPONSE,
    TIMED_OUT,
    encode_frame,
    encode_request,
)


@pytest.fixture(params=["asyncio"])
def loop_kind(request):
    return request.param  # threads don't care which loop hands them their requests


@pytest.fixture
def wsgi(serve):
    """wsgi(name): a connection to a host that serves that application."""

    def connect(name):
        return serve("wsgi:" + name).connect()

    return connect


def shown(gateway, *args, **kwargs):
    return json.loads(gateway.request(*args, **kwargs).body)


def test_a_small_response_is_one_frame(wsgi):
    gateway = wsgi("hello")
    stream = gateway.begin()
    response = gateway.expect(RESPONSE, stream)
    assert response.end and response.payload.endswith(b"Hello, world!")
    assert gateway.expect(DONE, stream).payload == b""
    assert gateway.request().headers == [(b"content-type", b"text/plain"), (b"content-length", b"13")]


def test_environ_is_as_pep_3333_says(wsgi):
    environ = shown(
        wsgi("show_environ"), b"POST", b"/caf%C3%A9/%2F", b"a=%20&b=\xff",
        [(b"host", b"app.localhost:8080"), (b"content-type", b"text/x"), (b"content-length", b"4"), (b"x-odd", b"1"),
         (b"x-odd", b"2"), (b"x_odd", b"spoofed"), (b"cookie", b"a=1"), (b"cookie", b"b=2")],
        body=b"body",
    )  # fmt: skip
    assert environ == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/caf\u00c3\u00a9//",
        "QUERY_STRING": "a=%20&b=\xff",
        "RAW_URI": "/caf%C3%A9/%2F?a=%20&b=\xff",
        "REQUEST_URI": "/caf%C3%A9/%2F?a=%20&b=\xff",
        "SERVER_NAME": "app.localhost",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "54321",
        "CONTENT_TYPE": "text/x",
        "CONTENT_LENGTH": "4",
        "HTTP_HOST": "app.localhost:8080",
        "HTTP_X_ODD": "1,2",
        "HTTP_COOKIE": "a=1; b=2",
        "wsgi.version": [1, 0],
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }


def test_the_ids_of_the_request_are_set_in_its_thread(wsgi):
    assert shown(wsgi("show_ids"), request_id=b"z" * 26) == ["in-" + "z" * 26, "fc-" + "z" * 26, True]


def test_requests_run_at_once_in_threads_that_are_kept(wsgi):
    gateway = wsgi("meet")
    for _ in range(2):
        streams = [gateway.begin() for _ in range(20)]
        assert {gateway.answer(stream).body for stream in streams} == {b"met"}


@pytest.mark.parametrize("whole", [True, False])
def test_input_reads_as_a_file(wsgi, whole):
    gateway = wsgi("read_ways")
    body = b"line\nabcdef\nx\ny\n"
    if whole:
        answer = gateway.request(b"POST", body=body)
    else:
        stream = gateway.begin(b"POST", body=body[:2], end=False)
        for byte in body[2:]:
            gateway.send_frame(BODY, stream, bytes([byte]))
        gateway.send_frame(BODY, stream, flags=END)
        answer = gateway.answer(stream)
    assert json.loads(answer.body) == ["line\n", "abc", "de", 3, "", ""]


def test_a_large_upload_passes_under_credit(wsgi):
    gateway = wsgi("count_lines")
    stream = gateway.begin(b"POST", end=False)
    credit, left = INITIAL_CREDIT, 8 << 20
    while left:
        while credit < 64 * 1024:
            credit += gateway.expect(CREDIT, stream).extra
        gateway.send_frame(BODY, stream, b"x" * 65535 + b"\n")
        credit -= 64 * 1024
        left -= 64 * 1024
    gateway.send_frame(BODY, stream, flags=END)
    assert json.loads(gateway.answer(stream).body) == [8 << 20, 128]


def test_a_body_that_nobody_reads_gets_no_credit(wsgi):
    gateway = wsgi("early")
    stream = gateway.begin(b"POST", body=b"x" * 1000, end=False)
    answer = gateway.answer(stream)
    assert (answer.status, answer.body) == (413, b"no need")
    gateway.send_frame(CANCEL, stream, extra=CALLER_GONE)
    assert gateway.request().status == 413, "the connection goes on"


def test_a_response_of_said_length_ends_with_its_last_byte(wsgi):
    gateway = wsgi("said_length")
    stream = gateway.begin(query=b"ab++cde")
    assert not gateway.expect(RESPONSE, stream).end
    last = gateway.expect(BODY, stream)
    assert (last.payload, last.end) == (b"cde", True)
    gateway.expect(DONE, stream)


@pytest.mark.parametrize(("query", "body"), [(b"ab", b"ab"), (b"abcdefg", b"abcdefg"), (b"abcde+f", b"abcde")])
def test_another_length_than_said_is_left_to_the_gateway(wsgi, query, body):
    answer = wsgi("said_length").request(query=query)
    assert (answer.status, answer.body, answer.aborted) == (200, body, None)


def test_each_chunk_leaves_before_the_next_is_asked_for(wsgi):
    gateway = wsgi("echo")
    stream = gateway.begin(b"POST", end=False)
    gateway.send_frame(BODY, stream, b"first")
    assert gateway.expect(RESPONSE, stream).payload.endswith(b"first")
    gateway.send_frame(BODY, stream, b"second")
    assert gateway.expect(BODY, stream).payload == b"second"
    gateway.send_frame(BODY, stream, flags=END)
    assert gateway.expect(BODY, stream).end
    gateway.expect(DONE, stream)


def test_write_comes_before_what_is_returned(wsgi):
    assert wsgi("written").request().body == b"by write;by return"


def test_a_stream_stops_at_its_credit_and_no_other_does(wsgi):
    host_gateway = wsgi("stream_for_ever")
    slow = [host_gateway.begin() for _ in range(3)]
    for stream in slow:
        received = 0
        while received < INITIAL_CREDIT:
            frame = host_gateway.frame_of(stream)
            received += len(frame.payload) - (frame.extra if frame.type == RESPONSE else 0)
        assert received == INITIAL_CREDIT
    host_gateway.send_frame(CREDIT, slow[1], extra=1000)
    assert len(host_gateway.expect(BODY, slow[1]).payload) == 1000


def test_a_generator_is_closed_when_its_caller_goes(serve):
    host = serve("wsgi:stream_for_ever")
    gateway = host.connect()
    stream = gateway.begin()
    gateway.expect(RESPONSE, stream)
    gateway.send_frame(CANCEL, stream, extra=CALLER_GONE)
    while gateway.frame_of(stream).type != DONE:
        pass
    assert "sent KiB" in host.drain()
    assert host.errors == "", "nothing failed"


def test_a_reader_whose_caller_goes_is_told_so(serve):
    host = serve("wsgi:count_lines")
    gateway = host.connect()
    stream = gateway.begin(b"POST", body=b"part", end=False)
    gateway.send_frame(CANCEL, stream, extra=CALLER_GONE)
    gateway.expect(DONE, stream)
    host.drain()
    assert host.errors == ""


def test_close_is_called_after_success_and_after_failure(serve):
    host = serve("wsgi:closing", "wsgi:fail_in_the_middle", "wsgi:fail_before")
    gateway = host.connect()
    assert gateway.request(web_method=b"wsgi:closing").body == b"onetwo"
    answer = gateway.request(web_method=b"wsgi:fail_in_the_middle")
    assert (answer.status, answer.body, answer.aborted) == (200, b"one", "ValueError: in the middle")
    answer = gateway.request(web_method=b"wsgi:fail_before")
    assert (answer.status, answer.aborted) == (0, "ValueError: before the start")
    assert host.drain().count("closed") == 3
    assert host.errors.count("Traceback") == 2


@pytest.mark.parametrize(
    "app, reason",
    [
        ("fail_at_once", "ValueError: at once"),
        ("started_twice", "AssertionError: start_response() was called twice"),
        ("never_started", "AssertionError: the application gave bytes before"),
        ("text_body", "TypeError: a WSGI application must give bytes, not str"),
        ("bad_status", 'ValueError: start_response() needs a status like "200 OK"'),
        ("leave", "SystemExit: 3"),
    ],
)
def test_a_failure_before_the_head_is_one_line_and_ends_its_request_only(wsgi, app, reason):
    gateway = wsgi(app)
    for _ in range(2):
        answer = gateway.request()
        assert answer.status == 0 and answer.aborted.startswith(reason)


def test_exc_info_replaces_a_head_that_has_not_left(wsgi):
    answer = wsgi("replaced_head").request()
    assert (answer.status, answer.headers) == (503, [(b"content-type", b"text/plain")])
    assert answer.body == b"error page"


def test_exc_info_raises_when_the_head_has_left(wsgi):
    answer = wsgi("too_late_for_another_head").request()
    assert (answer.status, answer.body, answer.aborted) == (200, b"part", "ValueError: too late")


def test_an_empty_response_and_head_have_no_body(wsgi):
    assert wsgi("empty").request().status == 204
    answer = wsgi("written").request(b"HEAD")
    assert (answer.status, answer.body, answer.complete) == (200, b"", True)


def test_file_wrapper_sends_the_file_in_blocks(wsgi):
    assert wsgi("file").request().body == bytes(range(256)) * 1024


def test_a_request_whose_time_is_over_is_interrupted(serve):
    host = serve("wsgi:spin")
    gateway = host.connect()
    stream = gateway.begin()
    while "spinning" not in host.output:
        pass
    gateway.send_frame(CANCEL, stream, extra=TIMED_OUT)
    gateway.expect(DONE, stream)
    assert "stopped" in host.output
    host.drain()
    assert host.errors == ""


def test_an_interrupt_of_the_container_ends_running_threads(serve):
    host = serve("wsgi:spin")
    gateway = host.connect()
    gateway.begin()
    while "spinning" not in host.output:
        pass
    assert "stopped" in host.interrupt()


def test_pep_3333_validator_finds_nothing(wsgi):
    gateway = wsgi("validated")
    headers = [(b"host", b"a"), (b"content-length", b"4")]
    assert gateway.request(b"POST", headers=headers, body=b"body").body == b"body"
    assert gateway.request().body == b""
    stream = gateway.begin(b"POST", headers=headers, body=b"bo", end=False)
    gateway.send_frame(BODY, stream, b"dy", flags=END)
    assert gateway.answer(stream).body == b"body"


def test_a_lost_connection_is_a_caller_that_is_gone(serve):
    host = serve("wsgi:stream_for_ever")
    gateway = host.connect()
    gateway.expect(RESPONSE, gateway.begin())
    gateway.close()
    host.gateways.clear()
    assert "sent KiB" in host.drain()


def test_abort_is_not_sent_to_a_caller_who_is_gone(wsgi):
    gateway = wsgi("echo")
    stream = gateway.begin(b"POST", end=False)
    gateway.send_frame(CANCEL, stream, extra=CALLER_GONE)
    assert gateway.frame_of(stream).type != ABORT


def at_once(gateway, *queries, behind=b""):
    """Begins requests that are read together; their streams."""
    frames, streams = behind, []
    for query in reversed(queries):
        head = encode_request(query=query)
        streams.insert(0, 1000 + len(queries) - len(streams))
        frames = encode_frame(REQUEST, streams[0], head, flags=END, extra=len(head)) + frames
    gateway.socket.sendall(frames)
    return streams


@pytest.fixture
def fifos(tmp_path):
    paths = [tmp_path / "first", tmp_path / "second"]
    for path in paths:
        os.mkfifo(path)
    return [str(path).encode() for path in paths]


def let_go(fifo):
    os.close(os.open(fifo, os.O_WRONLY))


def test_an_answer_leaves_while_the_next_request_keeps_the_interpreter(wsgi, fifos):
    gateway = wsgi("keep_the_interpreter")
    gateway.request()
    # The first has the others wait, so that the second's answer is held for more.
    first, second, third, fourth = at_once(gateway, fifos[0], b"", fifos[1], b"")
    let_go(fifos[0])
    for stream in (first, second):
        assert gateway.answer(stream).body == b"Hello, world!"
    let_go(fifos[1])
    for stream in (third, fourth):
        assert gateway.answer(stream).body == b"Hello, world!"


def test_held_answers_leave_before_the_container_drains(serve, fifos):
    host = serve("wsgi:keep_the_interpreter")
    gateway = host.connect()
    gateway.request()
    streams = at_once(gateway, fifos[0], *[b""] * 20, behind=encode_frame(DRAIN))
    let_go(fifos[0])
    assert {gateway.answer(stream).body for stream in streams} == {b"Hello, world!"}
    with pytest.raises(EOFError):
        gateway.read_frame()


def test_a_large_answer_comes_behind_held_ones(wsgi, fifos):
    gateway = wsgi("large_or_keep")
    gateway.request()
    streams = at_once(gateway, fifos[0], b"", b"", b"9000", b"", b"70000", b"", b"")
    let_go(fifos[0])
    assert [len(gateway.answer(stream).body) for stream in streams] == [13, 13, 13, 9000, 13, 70000, 13, 13]
