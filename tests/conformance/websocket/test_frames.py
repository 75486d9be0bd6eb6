"""RFC 6455: frames, pings, reserved bits, opcodes and fragments, against a deployed echo."""

import itertools
import struct

import pytest
from peer import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    expect_echo,
    expect_failure,
    expect_goodbye,
    frame,
    noise,
    prose,
)

# 1: framing


@pytest.mark.parametrize("chop", [0, 997])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65535, 65536, 65537])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_1_a_frame_of_every_length_comes_back(connect, opcode, size, chop):
    payload = prose(size) if opcode == TEXT else noise(size)
    with connect() as peer:
        peer.send(frame(opcode, payload), chop)
        expect_echo(peer, opcode, payload)
        expect_goodbye(peer)


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
def test_1_a_frame_without_a_mask_fails(connect, opcode):
    with connect() as peer:
        peer.send(frame(opcode, b"", key=None))
        expect_failure(peer, 1002)


def test_1_a_mask_of_zeros_is_a_mask(connect):
    with connect() as peer:
        peer.send(frame(TEXT, b"plain", key=bytes(4)))
        expect_echo(peer, TEXT, b"plain")


@pytest.mark.parametrize(
    "header", [b"\x82\xfe\x00\x05", b"\x82\xff" + struct.pack("!Q", 200), b"\x82\xff" + b"\xff" * 8]
)
def test_1_a_length_in_a_longer_form_or_negative_fails(connect, header):
    with connect() as peer:
        peer.send(header + bytes(4))
        expect_failure(peer, 1002, 1009)


# 2: pings and pongs


@pytest.mark.parametrize("chop", [0, 1])
@pytest.mark.parametrize("payload", [b"", b"Hello", b"\x00\xff\xfe\xfd", b"\xfe" * 125], ids=len)
def test_2_a_ping_is_answered_with_its_payload(connect, payload, chop):
    with connect() as peer:
        peer.send(frame(PING, payload), chop)
        assert peer.read_message() == (PONG, payload)
        expect_goodbye(peer)


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_2_a_control_frame_of_126_bytes_fails(connect, opcode):
    with connect() as peer:
        peer.send(frame(opcode, bytes(126)))
        expect_failure(peer, 1002)


@pytest.mark.parametrize("payload", [b"", b"unsolicited"])
def test_2_a_pong_that_nobody_asked_for_is_ignored(connect, payload):
    with connect() as peer:
        peer.send(frame(PONG, payload) + frame(PING, b"now"))
        assert peer.read_message() == (PONG, b"now")
        expect_goodbye(peer)


@pytest.mark.parametrize("chop", [0, 1, 7])
def test_2_pings_are_answered_in_order(connect, chop):
    with connect() as peer:
        peer.send(b"".join(frame(PING, b"payload-%d" % i) for i in range(10)), chop)
        for i in range(10):
            assert peer.read_message() == (PONG, b"payload-%d" % i)
        expect_goodbye(peer)


# 3: reserved bits


@pytest.mark.parametrize("where", ["text", "binary", "second", "ping", "close", "chopped", "continuation"])
@pytest.mark.parametrize("rsv", range(1, 8))
def test_3_a_reserved_bit_fails(connect, rsv, where):
    with connect() as peer:
        if where == "second":
            peer.send(frame(TEXT, b"good"))
            expect_echo(peer, TEXT, b"good")
            peer.send(frame(TEXT, b"bad", rsv=rsv))
        elif where == "continuation":
            peer.send(frame(TEXT, b"good", fin=False) + frame(CONTINUATION, b"bad", rsv=rsv))
        else:
            opcode = {"binary": BINARY, "ping": PING, "close": CLOSE}.get(where, TEXT)
            peer.send(frame(opcode, b"", rsv=rsv), 1 if where == "chopped" else 0)
        expect_failure(peer, 1002)


# 4: opcodes


@pytest.mark.parametrize("where", ["empty", "payload", "second", "chopped"])
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_4_a_reserved_opcode_fails(connect, opcode, where):
    with connect() as peer:
        payload = b"" if where == "empty" else b"reserved"
        if where == "second":
            peer.send(frame(TEXT, b"good"))
            expect_echo(peer, TEXT, b"good")
        peer.send(frame(opcode, payload) + frame(PING), 1 if where == "chopped" else 0)
        expect_failure(peer, 1002)


# 5: fragments


@pytest.mark.parametrize("chop", [0, 1])
@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_5_a_fragmented_control_frame_fails(connect, opcode, chop):
    with connect() as peer:
        peer.send(frame(opcode, b"frag", fin=False) + frame(CONTINUATION, b"ment"), chop)
        expect_failure(peer, 1002)


@pytest.mark.parametrize("chop", [0, 1])
@pytest.mark.parametrize("parts", [(b"a", b"b"), (b"", b"", b""), (b"", b"middle", b""), (b"x",) * 50], ids=len)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_5_fragments_make_one_message(connect, opcode, parts, chop):
    opcodes = [opcode] + [CONTINUATION] * (len(parts) - 1)
    frames = [frame(code, part, fin=i == len(parts) - 1) for i, (code, part) in enumerate(zip(opcodes, parts))]
    with connect() as peer:
        peer.send(b"".join(frames), chop)
        expect_echo(peer, opcode, b"".join(parts))
        expect_goodbye(peer)


@pytest.mark.parametrize("chop", [0, 1])
@pytest.mark.parametrize("pings", [1, 3])
def test_5_pings_between_fragments_are_answered_at_once(connect, pings, chop):
    with connect() as peer:
        peer.send(frame(TEXT, b"one", fin=False) + frame(PING, b"between") * pings, chop)
        for _ in range(pings):
            assert peer.read_message() == (PONG, b"between")
        peer.send(frame(CONTINUATION, b"two"), chop)
        expect_echo(peer, TEXT, b"onetwo")
        expect_goodbye(peer)


@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("before", [b"", frame(TEXT, b"whole")], ids=["first", "after-a-message"])
@pytest.mark.parametrize("chop", [0, 1])
def test_5_a_continuation_of_nothing_fails(connect, before, fin, chop):
    with connect() as peer:
        if before:
            peer.send(before, chop)
            expect_echo(peer, TEXT, b"whole")
        peer.send(frame(CONTINUATION, b"stray", fin=fin) + frame(TEXT, b"after"), chop)
        expect_failure(peer, 1002)


@pytest.mark.parametrize("first,second", itertools.product([TEXT, BINARY], repeat=2))
@pytest.mark.parametrize("chop", [0, 1])
def test_5_a_message_within_a_message_fails(connect, first, second, chop):
    with connect() as peer:
        peer.send(frame(first, b"begun", fin=False) + frame(second, b"another"), chop)
        expect_failure(peer, 1002)
