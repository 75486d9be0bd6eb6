"""RFC 7692: permessage-deflate, against a deployed echo."""

import zlib

import pytest
from peer import (
    BINARY,
    CLOSE,
    CONTINUATION,
    LIMIT,
    PING,
    PONG,
    TEXT,
    deflated,
    expect_echo,
    expect_failure,
    expect_goodbye,
    frame,
    noise,
    prose,
)
from utf8_cases import GREETING, INVALID

OFFERS = {
    "plain": "permessage-deflate",
    "client-window": "permessage-deflate; client_max_window_bits",
    "client-window-9": "permessage-deflate; client_max_window_bits=9",
    "both-fresh": "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "server-window-9": "permessage-deflate; server_max_window_bits=9",
    "server-window-15": "permessage-deflate; server_max_window_bits=15; server_no_context_takeover",
    "fallback": "permessage-deflate; server_max_window_bits=99, permessage-deflate; client_max_window_bits=12",
    "quoted": 'permessage-deflate; server_max_window_bits="12"',
}


@pytest.mark.parametrize("size", [0, 16, 64, 127, 128, 1024, 16384, 65536, 131072, LIMIT])
@pytest.mark.parametrize("offer", OFFERS)
def test_12_compressed_messages_come_back(connect, offer, size):
    bits = 9 if offer == "client-window-9" else 15
    with connect(OFFERS[offer]) as peer:
        assert peer.extension.startswith("permessage-deflate")
        for opcode, payload in ((TEXT, prose(size)), (BINARY, noise(size)), (BINARY, bytes(size))):
            peer.send(frame(opcode, deflated(payload, bits), rsv=4))
            expect_echo(peer, opcode, payload)
        expect_goodbye(peer)


@pytest.mark.parametrize("level", [0, 1, 9])
@pytest.mark.parametrize("fragment", [1, 100, 4096])
def test_12_a_compressed_message_may_be_cut_anywhere(connect, fragment, level):
    payload = prose(20_000)
    data = deflated(payload, level=level)
    if fragment == 1:
        data = deflated(payload[:500], level=level)
        payload = payload[:500]
    parts = [data[at : at + fragment] for at in range(0, len(data), fragment)]
    last = len(parts) - 1
    frames = [
        frame(CONTINUATION if i else TEXT, part, fin=i == last, rsv=0 if i else 4) + frame(PING, b"%d" % i)
        for i, part in enumerate(parts)
    ]
    with connect(OFFERS["plain"]) as peer:
        peer.send(b"".join(frames))
        for i in range(len(parts)):
            answer = peer.read_message()
            if answer[0] != PONG:
                assert answer == (TEXT, payload)
                answer = peer.read_message()
            assert answer == (PONG, b"%d" % i)


def test_12_messages_may_go_uncompressed(connect):
    with connect(OFFERS["plain"]) as peer:
        for payload in (b"", b"short", prose(5000)):
            peer.send(frame(TEXT, payload) + frame(TEXT, deflated(payload), rsv=4))
            expect_echo(peer, TEXT, payload)
            expect_echo(peer, TEXT, payload)


@pytest.mark.parametrize("blocks", ["two-blocks", "final-block", "trailing-empty"])
def test_12_every_form_of_deflate_is_understood(connect, blocks):
    with connect(OFFERS["plain"]) as peer:
        if blocks == "two-blocks":
            deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
            data = deflater.compress(b"Hel") + deflater.flush(zlib.Z_SYNC_FLUSH)
            data += deflater.compress(b"lo") + deflater.flush(zlib.Z_SYNC_FLUSH)
            data = data.removesuffix(b"\x00\x00\xff\xff")
        elif blocks == "final-block":  # RFC 7692 §7.2.3.4
            deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
            data = deflater.compress(b"Hello") + deflater.flush(zlib.Z_FINISH) + b"\x00"
        else:
            data = deflated(b"Hello") + b"\x00\x00\xff\xff\x00"
        peer.send(frame(TEXT, data, rsv=4))
        expect_echo(peer, TEXT, b"Hello")


@pytest.mark.parametrize("name", INVALID)
def test_12_compressed_text_that_is_not_utf8_fails(connect, name):
    with connect(OFFERS["plain"]) as peer:
        peer.send(frame(TEXT, deflated(INVALID[name]), rsv=4))
        expect_failure(peer, 1007)


@pytest.mark.parametrize("payload", [b"\xff\xff\xff\xff", b"\x07", b"\x00\x01\x02\x03\x04"], ids=bytes.hex)
def test_12_what_cannot_be_expanded_fails(connect, payload):
    with connect(OFFERS["plain"]) as peer:
        peer.send(frame(BINARY, payload, rsv=4))
        expect_failure(peer, 1002, 1007)


@pytest.mark.parametrize("size", [LIMIT + 1, 64 << 20])
def test_12_a_message_that_expands_over_the_limit_fails(connect, size):
    with connect(OFFERS["plain"]) as peer:
        peer.send(frame(BINARY, deflated(bytes(size)), rsv=4))
        expect_failure(peer, 1009)


@pytest.mark.parametrize("opcode", [CONTINUATION, PING, CLOSE])
def test_12_only_the_first_frame_of_a_message_says_that_it_is_compressed(connect, opcode):
    with connect(OFFERS["plain"]) as peer:
        if opcode == CONTINUATION:
            peer.send(frame(TEXT, deflated(GREETING)[:4], fin=False, rsv=4))
        peer.send(frame(opcode, b"", rsv=4))
        expect_failure(peer, 1002)


@pytest.mark.parametrize("rsv", [1, 2, 3, 5, 6, 7])
def test_12_the_other_reserved_bits_still_fail(connect, rsv):
    with connect(OFFERS["plain"]) as peer:
        peer.send(frame(TEXT, deflated(GREETING), rsv=rsv))
        expect_failure(peer, 1002)


@pytest.mark.parametrize(
    "offer",
    [
        "x-unknown",
        "permessage-deflate; unknown",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=09",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    ],
)
def test_13_an_offer_that_cannot_be_met_is_declined(connect, offer):
    with connect(offer) as peer:
        assert peer.extension == ""
        peer.send(frame(TEXT, GREETING))
        expect_echo(peer, TEXT, GREETING)
        peer.send(frame(TEXT, deflated(GREETING), rsv=4))
        expect_failure(peer, 1002)


@pytest.mark.parametrize("bits", range(9, 16))
def test_13_the_window_that_was_asked_for_is_kept(connect, bits):
    payload = prose(100_000) + noise(1000) + prose(100_000)
    with connect(f"permessage-deflate; server_max_window_bits={bits}") as peer:
        assert f"server_max_window_bits={bits}" in peer.extension
        peer.send(frame(BINARY, payload))
        expect_echo(peer, BINARY, payload)
