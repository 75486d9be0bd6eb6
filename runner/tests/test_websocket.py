"""WebSockets by the runner alone: the ASGI messages of an application, and the frames that they become."""

import json
import struct

import pytest
from gateway import (
    ABORT,
    ACCEPT,
    BINARY,
    BODY,
    CALLER_GONE,
    CANCEL,
    CLOSE,
    CREDIT,
    DONE,
    END,
    INITIAL_CREDIT,
    MESSAGE_COST,
    RESPONSE,
    TEXT,
    TIMED_OUT,
    decode_headers,
)


def begin(gateway, path=b"/", headers=((b"host", b"app.localhost"),), **options):
    return gateway.begin(path=path, headers=headers, kind=1, **options)


def accepted(gateway):
    stream = begin(gateway)
    gateway.expect(ACCEPT, stream)
    return stream


def read(gateway, stream):
    """The next frame that isn't credit."""
    while (frame := gateway.frame_of(stream)).type == CREDIT:
        pass
    return frame


def test_accept_says_subprotocol_and_headers(serve):
    gateway = serve("socket").connect()
    payload = gateway.expect(ACCEPT, begin(gateway)).payload
    (size,) = struct.unpack_from("<H", payload)
    assert payload[2 : 2 + size] == b"chat"
    assert decode_headers(payload[2 + size :]) == [(b"x-mine", b"1")]


def test_messages_come_whole_and_keep_their_kind(serve):
    gateway = serve("socket").connect()
    stream = accepted(gateway)
    gateway.send_frame(TEXT, stream, "caf\xe9".encode(), flags=END)
    gateway.send_frame(BINARY, stream, b"one", flags=0)
    gateway.send_frame(BINARY, stream, b"two", flags=END)
    gateway.send_frame(TEXT, stream, b"", flags=END)
    answers = [read(gateway, stream) for _ in range(3)]
    assert [(each.type, each.payload, each.end) for each in answers] == [
        (TEXT, "caf\xe9".encode(), True),
        (BINARY, b"onetwo", True),
        (TEXT, b"", True),
    ]


def test_a_large_message_goes_in_pieces_under_credit(serve):
    gateway = serve("socket").connect()
    stream = accepted(gateway)
    size = 600_000
    sent = received = 0
    credit = INITIAL_CREDIT
    data = b""
    while True:
        while sent < size and credit > 20_000 + MESSAGE_COST:
            piece = min(20_000, size - sent)
            sent += piece
            credit -= piece + MESSAGE_COST
            gateway.send_frame(BINARY, stream, bytes([sent % 251]) * piece, flags=END if sent == size else 0)
        frame = gateway.frame_of(stream)
        if frame.type == CREDIT:
            credit += frame.extra
            continue
        assert frame.type == BINARY and len(frame.payload) <= 64 * 1024
        data += frame.payload
        received += len(frame.payload) + MESSAGE_COST
        gateway.send_frame(CREDIT, stream, extra=len(frame.payload) + MESSAGE_COST)
        if frame.end:
            break
    assert len(data) == size and data[0] == 20_000 % 251


def test_empty_messages_cost_credit(serve):
    host = serve("push_for_ever")
    gateway = host.connect()
    stream = accepted(gateway)
    for _ in range(INITIAL_CREDIT // MESSAGE_COST):
        assert gateway.frame_of(stream).type == BINARY
    gateway.send_frame(CREDIT, stream, extra=2 * MESSAGE_COST)
    assert [gateway.frame_of(stream).type for _ in range(2)] == [BINARY, BINARY]
    gateway.send_frame(CLOSE, stream, extra=1006)
    assert gateway.frame_of(stream).type in (ABORT, DONE)
    assert f"sent {INITIAL_CREDIT // MESSAGE_COST + 2}" in host.drain()


def test_messages_beyond_their_credit_end_the_connection(serve):
    gateway = serve("socket").connect()
    stream = accepted(gateway)
    gateway.send_frame(TEXT, stream, b"deaf", flags=END)
    with pytest.raises((EOFError, ConnectionError)):
        for _ in range(INITIAL_CREDIT // 65536 + 1):
            gateway.send_frame(BINARY, stream, bytes(65536), flags=END)
        gateway.frame_of(stream)


def test_the_application_closes_with_code_and_reason(serve):
    host = serve("socket")
    gateway = host.connect()
    stream = accepted(gateway)
    gateway.send_frame(TEXT, stream, b"close", flags=END)
    frame = gateway.expect(CLOSE, stream)
    assert (frame.extra, frame.payload) == (4001, b"enough")
    gateway.expect(DONE, stream)
    output = host.drain()
    assert '{"type": "websocket.disconnect", "code": 4001, "reason": "enough"}' in output
    assert "send raised RuntimeError" in output


def test_what_the_caller_sent_before_it_left_is_received_first(serve):
    host = serve("socket")
    gateway = host.connect()
    stream = accepted(gateway)
    gateway.send_frame(BINARY, stream, b"cut off", flags=0)
    gateway.send_frame(CLOSE, stream, b"bye", extra=4002)
    gateway.expect(DONE, stream)
    output = host.drain()
    assert '{"type": "websocket.disconnect", "code": 4002, "reason": "bye"}' in output
    assert "send raised ClientDisconnected" in output


def test_a_broken_connection_is_a_caller_that_left_without_a_word(serve):
    host = serve("socket")
    gateway = host.connect()
    accepted(gateway)
    gateway.close()
    assert '"code": 1006' in host.drain()


def test_a_timeout_cancels_the_task(serve):
    gateway = serve("socket").connect()
    stream = accepted(gateway)
    gateway.send_frame(TEXT, stream, b"deaf", flags=END)
    gateway.send_frame(CANCEL, stream, extra=TIMED_OUT)
    gateway.expect(DONE, stream)


def test_returning_needs_no_close(serve):
    gateway = serve("socket").connect()
    stream = accepted(gateway)
    gateway.send_frame(TEXT, stream, b"return", flags=END)
    gateway.expect(DONE, stream)


def test_an_exception_aborts(serve):
    host = serve("socket")
    gateway = host.connect()
    stream = accepted(gateway)
    gateway.send_frame(TEXT, stream, b"fail", flags=END)
    assert gateway.expect(ABORT, stream).payload == b"ValueError: as asked"
    gateway.expect(DONE, stream)
    host.drain()
    assert "ValueError: as asked" in host.errors


def test_wrong_messages_raise_and_harm_nothing(serve):
    gateway = serve("socket").connect()
    stream = accepted(gateway)
    gateway.send_frame(TEXT, stream, b"misuse", flags=END)
    assert json.loads(read(gateway, stream).payload) == [
        "RuntimeError",
        "ValueError",
        "TypeError",
        "TypeError",
        "UnicodeEncodeError",
        "ValueError",
        "ValueError",
        "RuntimeError",
        "RuntimeError",
    ]


def test_the_scope_is_a_websockets(serve):
    gateway = serve("show_socket").connect()
    headers = [
        (b"host", b"app.localhost:8080"),
        (b"sec-websocket-protocol", b"v1, v2 "),
        (b"sec-websocket-protocol", b"v3"),
    ]
    stream = begin(gateway, b"/caf%C3%A9", headers, query=b"a=1", https=True)
    gateway.expect(ACCEPT, stream)
    scope = json.loads(read(gateway, stream).payload)
    assert scope["type"] == "websocket" and scope["scheme"] == "wss" and "method" not in scope
    assert scope["subprotocols"] == ["v1", "v2", "v3"] and scope["path"] == "/caf\xe9"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.4"}
    assert scope["extensions"] == {"websocket.http.response": {}} and scope["state"] == {"from_lifespan": 1}
    assert scope["server"] == {"tuple": ["app.localhost", 8080]}


def test_what_happens_before_it_accepts(serve):
    host = serve("early_socket")
    gateway = host.connect()
    stream = begin(gateway, b"/refuse")
    assert gateway.expect(CLOSE, stream).extra == 1000
    gateway.expect(DONE, stream)

    stream = begin(gateway, b"/deny")
    assert struct.unpack_from("<H", gateway.expect(RESPONSE, stream).payload) == (401,)
    gateway.expect(DONE, stream)

    stream = begin(gateway, b"/fail")
    assert gateway.expect(ABORT, stream).payload == b"ValueError: before it accepts"
    gateway.expect(DONE, stream)

    stream = begin(gateway, b"/nothing")
    assert b"without sending a response" in gateway.expect(ABORT, stream).payload
    gateway.expect(DONE, stream)

    stream = begin(gateway, b"/wait")
    gateway.send_frame(CLOSE, stream, extra=1006)
    gateway.expect(DONE, stream)
    assert '{"type": "websocket.disconnect", "code": 1006, "reason": ""}' in host.drain()


def test_frames_that_are_not_a_websockets_end_the_connection(serve):
    host = serve("echo", "socket")
    for kind, web_method, payload in ((TEXT, b"echo", b""), (CLOSE, b"echo", b""), (BODY, b"socket", b"x")):
        gateway = host.connect()
        if kind == BODY:
            stream = begin(gateway, web_method=web_method)
        else:
            stream = gateway.begin(b"POST", web_method=web_method, end=False)
        gateway.send_frame(kind, stream, payload)
        gateway.send_frame(CANCEL, stream, extra=CALLER_GONE)
        with pytest.raises((EOFError, ConnectionError)):
            while True:
                gateway.read_frame()
