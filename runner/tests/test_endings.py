"""How requests end: disconnect, timeout, drain, and calls from unusual places, with plain ASGI applications."""

import json

from gateway import ABORT, BODY, CALLER_GONE, CANCEL, DONE, DRAIN, END, RESPONSE, TIMED_OUT
from steps import begin_and_run, wait_until


def test_done_comes_after_background_work(serve):
    host = serve("background")
    gateway = host.connect()
    stream = gateway.begin()
    assert gateway.expect(RESPONSE, stream).end
    assert "background done" not in host.output
    gateway.expect(DONE, stream)
    wait_until(lambda: "background done" in host.output, "the work is done")


def test_a_caller_that_goes_away_is_a_disconnect_and_no_cancellation(serve):
    host = serve("wait_for_disconnect")
    gateway = host.connect()
    stream = gateway.begin()
    gateway.expect(RESPONSE, stream)
    gateway.send_frame(CANCEL, stream, extra=CALLER_GONE)
    gateway.expect(DONE, stream)
    assert host.drain().startswith("received http.disconnect\nsend raised ClientDisconnected\n")


def test_a_broken_connection_disconnects_its_callers(serve):
    host = serve("wait_for_disconnect")
    gateway = host.connect()
    gateway.expect(RESPONSE, gateway.begin())
    gateway.close()
    wait_until(lambda: "send raised" in host.output, "the application notices")
    assert "drained" in host.drain()


def test_a_timeout_cancels_the_request(serve):
    host = serve("sleep")
    gateway = host.connect()
    stream = begin_and_run(gateway)
    gateway.send_frame(CANCEL, stream, extra=TIMED_OUT)
    gateway.expect(DONE, stream)
    host.drain()
    assert "cancelled in the application" in host.output
    assert host.errors == ""


def test_a_cancelled_request_that_answers_all_the_same_is_not_heard(serve):
    host = serve("ignore_cancel")
    gateway = host.connect()
    stream = begin_and_run(gateway)
    gateway.send_frame(CANCEL, stream, extra=TIMED_OUT)
    assert gateway.expect(DONE, stream)
    assert "send raised ClientDisconnected" in host.drain()


def test_a_message_is_not_lost_when_the_receiver_that_it_woke_gives_up(serve):
    gateway = serve("two_receivers").connect()
    stream = gateway.begin(b"POST", end=False)
    assert gateway.expect(RESPONSE, stream).payload.endswith(b"ready;")
    gateway.send_frame(BODY, stream, b"kept", flags=END)
    assert gateway.expect(BODY, stream).payload == b"kept"


def test_a_receive_that_timed_out_takes_nothing(serve):
    gateway = serve("timed_receive").connect()
    stream = gateway.begin(b"POST", end=False)
    gateway.expect(RESPONSE, stream)
    gateway.send_frame(BODY, stream, b"kept", flags=END)
    assert gateway.expect(BODY, stream).payload == b"kept"


def test_receive_and_send_work_from_other_threads(serve):
    answer = serve("from_threads").connect().request(b"POST", body=b"sent")
    assert answer.body == b"sent on a thread"


def test_what_was_sent_without_waiting_still_arrives(serve):
    answer = serve("unawaited_sends").connect().request()
    assert answer.complete and len(answer.body) == 600 * 1024


def test_tools_see_the_applications_coroutine(serve):
    answer = serve("inspect_task").connect().request()
    assert json.loads(answer.body) == ["CORO_RUNNING", True, True]


def test_several_applications_are_told_apart_by_name(serve):
    gateway = serve("hello", "show_scope").connect()
    assert gateway.request(web_method=b"hello").body == b"Hello, world!"
    assert gateway.request(web_method=b"show_scope").body.startswith(b"{")
    stream = gateway.begin(web_method=b"missing")
    assert gateway.expect(ABORT, stream).payload == b"this container has no such web method"
    gateway.expect(DONE, stream)


def test_drain_waits_for_running_requests(serve):
    host = serve("sleep")
    gateway = host.connect()
    stream = gateway.begin(query=b"0.3")
    other = host.connect()
    other.send_frame(DRAIN)
    assert gateway.answer(stream).status == 200
    assert host.wait().startswith("drained\nunfinished tasks 0\n")


def test_a_cancelled_seat_cancels_its_requests_and_says_so(serve):
    host = serve("sleep")
    gateway = host.connect()
    stream = begin_and_run(gateway)
    output = host.interrupt()
    assert "cancelled in the application\ncancelled\nunfinished tasks 0\n" in output
    assert gateway.answer(stream).aborted == "the request was cancelled"
