"""A gateway for tests: speaks the frames of engine/wire/frame.h over a blocking Unix socket, and checks what it gets."""

import itertools
import socket
import struct
from collections import deque
from dataclasses import dataclass, field

HELLO, REQUEST, RESPONSE, BODY, CREDIT, CANCEL, ABORT, DONE, TRAILERS, DRAIN, PING, PONG, TALLY = range(1, 14)
ACCEPT, TEXT, BINARY, CLOSE = range(16, 20)
END = 1
MESSAGE_COST = 64
INITIAL_CREDIT = 256 * 1024
MAX_BODY = 64 * 1024
CALLER_GONE, TIMED_OUT, DRAINING = 1, 2, 3
REQUEST_ID = "01HZX4J8Q6W9E2R5T7Y1U3I0PA"

_HEADER = struct.Struct("<IIBBHI")


@dataclass
class Frame:
    type: int
    stream: int
    flags: int
    extra: int
    payload: bytes

    @property
    def end(self):
        return bool(self.flags & END)


def _text16(text):
    return struct.pack("<H", len(text)) + text


def _text32(text):
    return struct.pack("<I", len(text)) + text


def _encode_headers(headers):
    pairs = [_text16(name) + _text32(value) for name, value in headers]
    return struct.pack("<H", len(pairs)) + b"".join(pairs)


def decode_headers(data):
    (count,) = struct.unpack_from("<H", data)
    at, headers = 2, []
    for _ in range(count):
        (size,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + size]
        at += 2 + size
        (size,) = struct.unpack_from("<I", data, at)
        headers.append((name, data[at + 4 : at + 4 + size]))
        at += 4 + size
    assert at == len(data)
    return headers


def encode_request(
    method=b"GET",
    path=b"/",
    query=b"",
    headers=((b"host", b"app.localhost:8080"),),
    *,
    kind=0,
    http_version=11,
    https=False,
    web_method=b"",
    request_id=REQUEST_ID.encode(),
    client=(b"192.0.2.7", 54321),
    server=(b"", 0),
):
    return (
        struct.pack("<BBBBHH", kind, http_version, https, 0, client[1], server[1])
        + b"".join(map(_text16, (web_method, request_id, method, client[0], server[0])))
        + _text32(path)
        + _text32(query)
        + _encode_headers(headers)
    )


def encode_frame(kind, stream=0, payload=b"", *, flags=0, extra=0):
    return _HEADER.pack(len(payload), stream, kind, flags, 0, extra) + payload


@dataclass
class Answer:
    """What came back for one request, after its Done."""

    status: int = 0
    headers: list = field(default_factory=list)
    body: bytes = b""
    trailers: list | None = None
    complete: bool = False
    aborted: str | None = None


class Gateway:
    """One connection. Every wait is bounded by the socket's timeout."""

    def __init__(self, path, timeout=10, connection=None):
        """Connects to `path`, or takes `connection`, which did so before."""
        self.socket = connection or socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        if connection is None:
            self.socket.connect(path)
        self._streams = itertools.count(1)
        self._unread = {}  # frames of other streams than the one that is waited for
        self.hello = self.read_frame()
        assert (self.hello.type, self.hello.extra) == (HELLO, 3)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _read(self, size):
        data = bytearray()
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise EOFError("the runner closed the connection")
            data += part
        return bytes(data)

    def read_frame(self):
        size, stream, kind, flags, zero, extra = _HEADER.unpack(self._read(_HEADER.size))
        assert zero == 0 and size <= 128 * 1024
        return Frame(kind, stream, flags, extra, self._read(size))

    def send_frame(self, kind, stream=0, payload=b"", *, flags=0, extra=0):
        self.socket.sendall(encode_frame(kind, stream, payload, flags=flags, extra=extra))

    def begin(self, *args, body=b"", end=True, **kwargs):
        """Sends a Request frame and returns its stream."""
        stream = next(self._streams)
        head = encode_request(*args, **kwargs)
        self.send_frame(REQUEST, stream, head + body, flags=END if end else 0, extra=len(head))
        return stream

    def frame_of(self, stream):
        """The next frame of that stream; keeps those of others."""
        mine = self._unread.setdefault(stream, deque())
        while not mine:
            frame = self.read_frame()
            self._unread.setdefault(frame.stream, deque()).append(frame)
        return mine.popleft()

    def expect(self, kind, stream=0):
        frame = self.frame_of(stream)
        assert frame.type == kind, frame
        return frame

    def answer(self, stream, *, credit=True):
        """Reads until Done and gives credit for what was read."""
        answer = Answer()
        parts = []
        while True:
            frame = self.frame_of(stream)
            assert not answer.complete or frame.type == DONE, frame
            body = b""
            if frame.type == RESPONSE:
                assert answer.status == 0
                head = frame.payload[: frame.extra]
                answer.status, announced, zero = struct.unpack_from("<HBB", head)
                answer.headers = decode_headers(head[4:])
                body = frame.payload[frame.extra :]
            elif frame.type == BODY:
                assert answer.status
                body = frame.payload
            elif frame.type == TRAILERS:
                answer.trailers = (answer.trailers or []) + decode_headers(frame.payload)
            elif frame.type == ABORT:
                answer.aborted = frame.payload.decode()
            elif frame.type == DONE:
                answer.body = b"".join(parts)
                return answer
            else:
                assert frame.type == CREDIT, frame
            assert len(body) <= MAX_BODY
            parts.append(body)
            if body and credit and not frame.end:
                self.send_frame(CREDIT, stream, extra=len(body))
            answer.complete = answer.complete or (frame.type in (RESPONSE, BODY) and frame.end)

    def answer_rest(self, stream):
        """The rest of a body, when Response was read already."""
        body = b""
        while (frame := self.frame_of(stream)).type == BODY:
            body += frame.payload
        assert frame.type == DONE, frame
        return body

    def forget(self, stream):
        """Drops what is kept of a stream that is over."""
        assert not self._unread.pop(stream)

    def request(self, *args, **kwargs):
        return self.answer(self.begin(*args, **kwargs))
