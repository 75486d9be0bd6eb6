"""WebSockets to the daemon's web port by URL, through the client library `websockets`."""

import socket
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection, connect

TIMEOUT_S = 60  # a first connection may have to wait for a container


def open_websocket(daemon, url: str, **options) -> ClientConnection:
    """`url` is the function's, with http as its scheme, and a path."""
    parts = urlsplit(url)
    uri = f"ws://{parts.netloc}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")
    options = {"open_timeout": TIMEOUT_S, "max_size": None, "proxy": None, **options}
    return connect(uri, sock=dial(daemon), **options)


def dial(daemon) -> socket.socket:
    """A TCP connection to the web port."""
    host, _, port = daemon.info["web"].rpartition(":")
    return socket.create_connection((host, int(port)), timeout=TIMEOUT_S)


def handshake(url, path, changes=()) -> bytes:
    """An opening handshake; `changes` replace its fields, None leaves one out."""
    fields = {
        "Host": url.partition("//")[2],
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        **dict(changes),
    }
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value), "", ""]
    return "\r\n".join(lines).encode()


def shake_hands(daemon, url, path):
    """A connection that has switched to WebSocket."""
    raw = dial(daemon)
    raw.sendall(handshake(url, path))
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += raw.recv(1)
    assert answer.startswith(b"HTTP/1.1 101 "), answer
    assert b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer
    return raw
