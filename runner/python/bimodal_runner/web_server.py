"""What remains of @modal.web_server inside the container: waiting for the server. Requests to it pass the runner by."""

import socket
import struct
import time
from pathlib import Path

_LISTENING = "0A"  # the state of a socket in /proc/net/tcp
_POLL_S = 0.01


def wait(host, port, *, timeout):
    """Returns once something listens on `port` at the address `host`. Raises TimeoutError that says what is wrong."""
    end = time.monotonic() + timeout
    while True:
        try:
            with socket.create_connection((host, port), timeout=max(_POLL_S, min(timeout, 1.0))):
                return
        except OSError:
            time.sleep(_POLL_S)
        if time.monotonic() >= end:
            raise TimeoutError(_what_is_wrong(port, timeout))


def _what_is_wrong(port, timeout):
    elsewhere = sorted(set(_listening_addresses(port)))
    if elsewhere:
        return (
            f"the web server listens on {', '.join(f'{address}:{port}' for address in elsewhere)} only, where nobody "
            f"outside reaches it: bind it to 0.0.0.0"
        )
    return (
        f"nothing listens on port {port} after {timeout:g} s: check that the server starts and uses this port, or raise "
        f"startup_timeout= of @modal.web_server"
    )


def _listening_addresses(port):
    for name in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, _, state = line.split()[:4]
            address, _, number = local.partition(":")
            if state == _LISTENING and int(number, 16) == port:
                yield _readable(address)


def _readable(address):
    words = [struct.pack("=I", int(address[at : at + 8], 16)) for at in range(0, len(address), 8)]
    packed = b"".join(words)
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed)
    return f"[{socket.inet_ntop(socket.AF_INET6, packed)}]"


def unproxied(official):
    """The client's web_server_proxy() without the HTTP session that its application opens when it starts.

    The gateway talks to the server itself.
    """

    def web_server_proxy(host, port):
        official(host, port)  # it checks the port

        async def answer(scope, receive, send):
            if scope["type"] != "lifespan":
                raise RuntimeError("requests to a web server don't pass through the runner")
            await _live(receive, send)

        return answer

    return web_server_proxy


async def _live(receive, send):
    for phase in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{phase}.complete"})
