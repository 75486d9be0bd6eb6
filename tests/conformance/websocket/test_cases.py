"""RFC 6455 and RFC 7692 case by case, against a deployed echo through gateway and runner.

The sections are those of the well-known suite of cases for WebSocket servers: framing, pings, reserved bits, opcodes,
fragments, UTF-8, closing, limits, compression.
"""

import itertools
import struct
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Peer, close_frame, deflated, frame, noise, prose
from support.apps import write
from utf8_cases import GREETING, INVALID, KOSME, VALID

LIMIT = 2 << 20
CHOPS = {"whole": 0, "bytes": 1}

APP = """
import modal

app = modal.App("conformance")


async def echo(scope, receive, send):
    assert scope["type"] in ("http", "websocket")
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        return await send({"type": "http.response.body"})
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


@app.function()
@modal.concurrent(max_inputs=100)
@modal.asgi_app()
def sockets():
    return echo
"""


@pytest.fixture(scope="module")
def connect(daemon, tmp_path_factory):
    (url,) = daemon.deploy(write(tmp_path_factory.mktemp("conformance"), APP))
    assert daemon.get(url).status_code == 200
    host, _, port = daemon.info["web"].rpartition(":")
    target = SimpleNamespace(address=(host, int(port)), host=urlsplit(url).netloc)

    def open_peer(offer: str = "") -> Peer:
        return Peer(target.address, target.host, offer=offer)

    return open_peer


def expect_echo(peer, opcode, payload):
    assert peer.read_message() == (opcode, payload)


def expect_goodbye(peer):
    """Still in good order: it answers a close."""
    peer.send(close_frame(1000))
    assert peer.read_close() == (1000, b"")
    peer.read_end()


def expect_failure(peer, *codes):
    assert peer.read_close()[0] in codes
    peer.read_end()


def ids(cases):
    return [str(case) for case in cases]


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


# 6: UTF-8


@pytest.mark.parametrize("cut", ["whole", "bytes", "fragments"])
@pytest.mark.parametrize("name", VALID)
def test_6_text_that_is_utf8_comes_back(connect, name, cut):
    text = VALID[name]
    with connect() as peer:
        peer.send(cut_text(text, cut), 1 if cut == "bytes" else 0)
        expect_echo(peer, TEXT, text)
        expect_goodbye(peer)


@pytest.mark.parametrize("cut", ["whole", "bytes", "fragments"])
@pytest.mark.parametrize("name", INVALID)
def test_6_text_that_is_not_utf8_fails(connect, name, cut):
    with connect() as peer:
        peer.send(cut_text(INVALID[name], cut), 1 if cut == "bytes" else 0)
        expect_failure(peer, 1007)


def cut_text(text, cut):
    if cut != "fragments" or len(text) < 2:
        return frame(TEXT, text)
    parts = [frame(CONTINUATION, text[i : i + 1], fin=i == len(text) - 1) for i in range(1, len(text))]
    return frame(TEXT, text[:1], fin=False) + b"".join(parts)


@pytest.mark.parametrize("wrong", [b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff", b"\xc0\x80"], ids=bytes.hex)
@pytest.mark.parametrize("how", ["fragment", "chopped"])
def test_6_wrong_text_fails_before_its_message_is_complete(connect, how, wrong):
    with connect() as peer:
        if how == "fragment":
            peer.send(frame(TEXT, KOSME, fin=False) + frame(CONTINUATION, wrong, fin=False))
        else:
            whole = frame(TEXT, KOSME + wrong + b"never sent")
            peer.send(whole[: -len(b"never sent")])
        expect_failure(peer, 1007)


def test_6_wrong_bytes_in_binary_are_right(connect):
    with connect() as peer:
        peer.send(b"".join(frame(BINARY, text) for text in INVALID.values()))
        for text in INVALID.values():
            expect_echo(peer, BINARY, text)


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


# 12 and 13: compression

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
    import zlib

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
