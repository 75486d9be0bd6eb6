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
