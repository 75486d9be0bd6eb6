"""RFC 6455: the closing handshake, and large messages, against a deployed echo."""

import struct

import pytest
from peer import (
    BINARY,
    CLOSE,
    CONTINUATION,
    LIMIT,
    PING,
    TEXT,
    close_frame,
    expect_echo,
    expect_failure,
    expect_goodbye,
    frame,
    noise,
    prose,
)

# 7: closing


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
)
@pytest.mark.parametrize("reason", [b"", b"reason"])
def test_7_a_close_is_answered_with_its_code(connect, code, reason):
    with connect() as peer:
        peer.send(close_frame(code, reason))
        assert peer.read_close()[0] == code
        peer.read_end()


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
@pytest.mark.parametrize("reason", [b"", b"reason"])
def test_7_a_close_with_a_code_that_must_not_be_sent_fails(connect, code, reason):
    with connect() as peer:
        peer.send(close_frame(code, reason))
        expect_failure(peer, 1002)


def test_7_a_close_without_a_code_is_answered(connect):
    with connect() as peer:
        peer.send(frame(CLOSE))
        assert peer.read_close()[0] in (None, 1000)
        peer.read_end()


def test_7_a_close_with_one_byte_fails(connect):
    with connect() as peer:
        peer.send(frame(CLOSE, b"a"))
        expect_failure(peer, 1002)


@pytest.mark.parametrize("size", [1, 122, 123])
def test_7_a_close_with_a_reason_up_to_the_bound_is_answered(connect, size):
    with connect() as peer:
        peer.send(close_frame(1000, b"r" * size))
        assert peer.read_close()[0] == 1000
        peer.read_end()


@pytest.mark.parametrize("reason", [b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80", b"\xff", b"\xc3"], ids=bytes.hex)
def test_7_a_reason_that_is_not_utf8_fails(connect, reason):
    with connect() as peer:
        peer.send(close_frame(1000, reason))
        expect_failure(peer, 1007)


@pytest.mark.parametrize(
    "after", [frame(TEXT, b"late"), frame(PING), close_frame(1001), frame(3)], ids=["text", "ping", "close", "bad"]
)
@pytest.mark.parametrize("before", [b"", frame(TEXT, b"first")], ids=["alone", "after-a-message"])
def test_7_nothing_behind_a_close_is_looked_at(connect, before, after):
    with connect() as peer:
        peer.send(before + close_frame(1000) + after)
        answers = []
        while (answer := peer.read_message())[0] != CLOSE:
            answers.append(answer)
        # The message before may or may not be answered: the application learns of both at once.
        assert answers in ([], [(TEXT, b"first")] if before else [])
        assert answer[1][:2] == struct.pack("!H", 1000)
        peer.read_end()


def test_7_a_close_in_the_middle_of_a_message_is_answered(connect):
    with connect() as peer:
        peer.send(frame(TEXT, b"begun", fin=False) + close_frame(1000))
        assert peer.read_close()[0] == 1000
        peer.read_end()


# 9: limits


@pytest.mark.parametrize("fragment", [0, 64, 1024, 65536])
@pytest.mark.parametrize("size", [65536, 262144, 1 << 20, LIMIT])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_9_large_messages_come_back_however_they_are_cut(connect, opcode, size, fragment):
    if fragment == 64 and size > 262144:
        size = 262144 + 1  # many tiny frames in bounded time
    payload = prose(size) if opcode == TEXT else noise(size)
    with connect() as peer:
        if fragment:
            parts = [payload[at : at + fragment] for at in range(0, size, fragment)]
            last = len(parts) - 1
            peer.send(
                b"".join(frame(CONTINUATION if i else opcode, part, fin=i == last) for i, part in enumerate(parts))
            )
        else:
            peer.send(frame(opcode, payload))
        expect_echo(peer, opcode, payload)
        expect_goodbye(peer)


@pytest.mark.parametrize("chop", [1024, 4096, 65536])
def test_9_a_large_frame_may_come_in_small_segments(connect, chop):
    payload = noise(1 << 20)
    with connect() as peer:
        peer.send(frame(BINARY, payload), chop)
        expect_echo(peer, BINARY, payload)


@pytest.mark.parametrize("how", ["frame", "header", "fragments", "continuation-header"])
def test_9_a_message_over_the_limit_fails(connect, how):
    with connect() as peer:
        if how == "frame":
            peer.send(frame(BINARY, bytes(LIMIT + 1)))
        elif how == "header":
            peer.send(b"\x82\xff" + struct.pack("!Q", 1 << 40) + bytes(4))
        elif how == "fragments":
            peer.send(frame(BINARY, bytes(LIMIT), fin=False) + frame(CONTINUATION, b"x"))
        else:
            peer.send(frame(BINARY, bytes(LIMIT), fin=False) + b"\x80\xff" + struct.pack("!Q", 1 << 30) + bytes(4))
        expect_failure(peer, 1009)


@pytest.mark.parametrize("size", [0, 16, 125, 256, 1024])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_9_many_messages_keep_their_order(connect, opcode, size):
    payloads = [(b"%06d" % i + prose(size))[: max(size, 6)] for i in range(1000)]
    with connect() as peer:
        peer.send(b"".join(frame(opcode, payload) for payload in payloads))
        for payload in payloads:
            expect_echo(peer, opcode, payload)
        expect_goodbye(peer)
