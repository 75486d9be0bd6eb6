"""What a container holds after many requests, and while large bodies pass."""

import json

from gateway import BODY, CREDIT, DONE, END, INITIAL_CREDIT, RESPONSE

GIB = 1024**3
MIB = 1024**2


def usage(gateway):
    return json.loads(gateway.request(web_method=b"usage").body)


def run_many(gateway, count):
    """`count` requests in batches of 100: small ones, streamed ones and failing ones."""
    for batch in range(count // 100):
        streams = []
        for n in range(100):
            end = n % 2 == 0
            query = b"fail" if n == 50 and batch % 100 == 0 else b""
            streams.append(gateway.begin(b"POST", web_method=b"touch_everything", query=query, body=b"body", end=end))
            if not end:
                gateway.send_frame(BODY, streams[-1], b"more", flags=END)
        for stream in streams:
            assert gateway.answer(stream).body == b"body"
            gateway.forget(stream)


def test_a_hundred_thousand_requests_leave_nothing_behind(serve):
    gateway = serve("touch_everything", "usage").connect()
    run_many(gateway, 5_000)
    before = usage(gateway)
    run_many(gateway, 100_000)
    after = usage(gateway)
    for what in ("blocks", "objects", "references"):
        assert abs(after[what] - before[what]) < 500, what


def test_an_upload_of_a_gibibyte_passes_in_flat_memory(serve):
    gateway = serve("count_body", "usage").connect()
    peak_before = usage(gateway)["peak"]
    stream = gateway.begin(b"POST", web_method=b"count_body", end=False)
    left, credit, piece = GIB, INITIAL_CREDIT, bytes(64 * 1024)
    while left:
        while credit < len(piece):
            credit += gateway.expect(CREDIT, stream).extra
        left, credit = left - len(piece), credit - len(piece)
        gateway.send_frame(BODY, stream, piece, flags=0 if left else END)
    while (frame := gateway.frame_of(stream)).type == CREDIT:
        pass
    assert json.loads(frame.payload[frame.extra :])[0] == GIB
    assert usage(gateway)["peak"] - peak_before < 64 * MIB // 1024


def test_a_download_of_a_gibibyte_passes_in_flat_memory(serve):
    gateway = serve("download", "usage").connect()
    peak_before = usage(gateway)["peak"]
    stream = gateway.begin(web_method=b"download", query=str(GIB).encode())
    received = 0
    while (frame := gateway.frame_of(stream)).type in (RESPONSE, BODY):
        size = len(frame.payload) - (frame.extra if frame.type == RESPONSE else 0)
        received += size
        if size:
            gateway.send_frame(CREDIT, stream, extra=size)
    assert frame.type == DONE and received == GIB
    assert usage(gateway)["peak"] - peak_before < 64 * MIB // 1024
