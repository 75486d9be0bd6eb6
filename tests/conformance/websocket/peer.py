"""A client that sends exactly the bytes it is told to, right or wrong, and reads what a server may send; over a
connection of its own (HTTP/1.1), or over a stream (RFC 8441)."""

import os
import socket
import struct
import zlib

from support.http2 import Tunnel

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
TAIL = b"\x00\x00\xff\xff"
LIMIT = 2 << 20  # bytes of a message
MASK = b"\x37\xfa\x21\x3d"


def mask(payload: bytes, key: bytes = MASK) -> bytes:
    if not payload:
        return b""
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")


def frame(opcode: int, payload: bytes = b"", *, fin=True, rsv=0, key: bytes | None = MASK) -> bytes:
    """A client's frame, with the shortest length; without `key` it isn't masked."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    masked = 0x80 if key is not None else 0
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, masked | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, masked | 126, size)
    else:
        head = struct.pack("!BBQ", first, masked | 127, size)
    return head + (key + mask(payload, key) if key is not None else payload)


def close_frame(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


def deflated(payload: bytes, bits: int = 15, level: int = 6) -> bytes:
    deflater = zlib.compressobj(level, zlib.DEFLATED, -bits)
    data = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)
    return data.removesuffix(TAIL)


class Peer:
    """One WebSocket. Every wait ends after `timeout_s`."""

    def __init__(
        self,
        address: tuple[str, int],
        host: str,
        path: str = "/",
        offer: str = "",
        timeout_s: float = 20,
        version: str = "1.1",
    ):
        self._received = b""
        self._at = 0
        if version == "2":
            self._socket = Tunnel(address, host, path, offer, timeout_s)
            self.headers = self._socket.headers
        else:
            self._socket = socket.create_connection(address, timeout=timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.headers = self._upgrade(host, path, offer)
        self.extension = self.headers.get("sec-websocket-extensions", "")

    def _upgrade(self, host: str, path: str, offer: str) -> dict[str, str]:
        extensions = f"Sec-WebSocket-Extensions: {offer}\r\n" if offer else ""
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extensions}\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._take(1)
        status, *lines = head.decode().split("\r\n")
        assert status.startswith("HTTP/1.1 101 "), head
        return dict(line.split(": ", 1) for line in lines if line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, data: bytes, chop: int = 0) -> None:
        """In pieces of `chop` bytes, each a segment of its own."""
        try:
            for at in range(0, len(data), chop or len(data) or 1):
                self._socket.sendall(data[at : at + chop] if chop else data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it closed already: what it said is still to be read

    def read_frame(self) -> tuple[int, bool, int, bytes]:
        """(opcode, fin, rsv, payload). A server's frames aren't masked."""
        first, second = self._take(2)
        assert second & 0x80 == 0
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._take(2))
            assert size >= 126
        elif size == 127:
            (size,) = struct.unpack("!Q", self._take(8))
            assert size >= 65536
        return first & 0x0F, bool(first & 0x80), first >> 4 & 7, self._take(size)

    def read_message(self) -> tuple[int, bytes]:
        """The next message, expanded; or the next control frame."""
        opcode, fin, rsv, payload = self.read_frame()
        if opcode >= CLOSE:
            assert fin and rsv == 0 and len(payload) <= 125
            return opcode, payload
        assert opcode in (TEXT, BINARY)
        assert rsv in ((0, 4) if self.extension else (0,))
        parts = [payload]
        while not fin:
            continuation, fin, more_rsv, payload = self.read_frame()
            assert continuation == CONTINUATION and more_rsv == 0
            parts.append(payload)
        data = b"".join(parts)
        if rsv:
            bits = self._server_bits()
            data = zlib.decompressobj(-bits).decompress(data + TAIL)
        if opcode == TEXT:
            data.decode()
        return opcode, data

    def read_close(self) -> tuple[int | None, bytes]:
        opcode, payload = self.read_message()
        assert opcode == CLOSE, (opcode, payload[:100])
        if not payload:
            return None, b""
        return struct.unpack("!H", payload[:2])[0], payload[2:]

    def read_end(self) -> None:
        """Nothing more, and the connection's end."""
        assert self._at == len(self._received), self._received[self._at :][:100]
        try:
            assert self._socket.recv(1) == b""
        except ConnectionResetError:
            pass

    def shut(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def _server_bits(self) -> int:
        for part in self.extension.split(";"):
            name, _, value = part.strip().partition("=")
            if name == "server_max_window_bits":
                return int(value)
        return 15

    def _take(self, size: int) -> bytes:
        while len(self._received) - self._at < size:
            more = self._socket.recv(1 << 18)
            if not more:
                raise EOFError(f"the connection ended after {self._received[self._at :][:200]!r}")
            self._received = self._received[self._at :] + more
            self._at = 0
        self._at += size
        return self._received[self._at - size : self._at]


def noise(size: int) -> bytes:
    return os.urandom(size)


def prose(size: int) -> bytes:
    """ASCII that compresses as text does."""
    words = b"it was the best of times it was the worst of times 0123456789 {'json': [1, 2, 3]}\n"
    return (words * (size // len(words) + 1))[:size]


# What a case expects of a connection.


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
