"""The socket that a WSGI application gets for a request that asks to leave HTTP, as other servers give it.

The application writes its own "101 Switching Protocols" and then speaks the other protocol: simple-websocket, and with
it flask-sock, work like that. Two threads pass bytes between the socket's other end and the gateway's stream, which
bounds what waits on the way.
"""

import contextlib
import socket
import threading

_MAX_HEAD = 64 * 1024
_BLOCK = 64 * 1024
# simple-websocket's own thread may answer a Close only after it woke the application, which returns meanwhile.
_LAST_WORDS_SECONDS = 0.25


class UpgradedSocket:
    """For one request. The application gets `theirs`."""

    def __init__(self, request):
        self._request = request
        self._ours, self.theirs = socket.socketpair()
        self._down = threading.Thread(target=self._pass_down, daemon=True)
        self._down.start()

    def finish(self):
        """Ends it when the application has returned: waits until what it wrote is on its way.

        A thread of the application's may still hold the socket: it reads the end and has a moment to close it.
        """
        if self._request.switched and self.theirs.fileno() >= 0:
            with contextlib.suppress(OSError):
                self._ours.shutdown(socket.SHUT_WR)
            self._down.join(_LAST_WORDS_SECONDS)
        self.theirs.close()
        self._down.join()
        self._ours.close()

    def _pass_down(self):
        with contextlib.suppress(OSError, ValueError):
            head = self._read_head()
            if head is None:
                return
            status, headers, rest = head
            self._request.switch_protocols(status, headers)
            self._request.write(rest)
            threading.Thread(target=self._pass_up, daemon=True).start()
            while part := self._ours.recv(_BLOCK):
                self._request.write(part)
            self._request.write(b"", True)
        # Whoever still writes learns that nobody reads.
        with contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)

    def _pass_up(self):
        with contextlib.suppress(OSError):
            while part := self._request.read(_BLOCK):
                self._ours.sendall(part)
        with contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_WR)

    def _read_head(self):
        """What the application answers with: status, headers and what came behind; None when it says nothing."""
        text = b""
        while b"\r\n\r\n" not in text:
            part = self._ours.recv(_BLOCK)
            if not part or len(text) > _MAX_HEAD:
                return None
            text += part
        head, _, rest = text.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        pairs = [field.split(":", 1) for field in fields]
        return line.split(" ", 1)[1], [(name, value.strip()) for name, value in pairs], rest
