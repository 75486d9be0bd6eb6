"""HTTP/2 stream by stream, with the `h2` library: in clear by prior knowledge, or over TLS by ALPN."""

import socket
import ssl
from collections import defaultdict

import h2.config
import h2.connection
import h2.events
from h2.settings import SettingCodes


class Http2:
    """One connection; with `trust`, a file of CAs, over TLS to the server `name`. Every wait ends after `timeout_s`."""

    def __init__(self, address: tuple[str, int], timeout_s: float = 30, trust: str = "", name: str = ""):
        self._socket = socket.create_connection(address, timeout=timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._scheme = "https" if trust else "http"
        if trust:
            context = ssl.create_default_context(cafile=trust)
            context.set_alpn_protocols(["h2", "http/1.1"])
            self._socket = context.wrap_socket(self._socket, server_hostname=name)
            assert self._socket.selected_alpn_protocol() == "h2"
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.heads: dict[int, dict[str, str]] = {}
        self.trailers: dict[int, dict[str, str]] = {}
        self.bodies: dict[int, bytearray] = defaultdict(bytearray)
        self.ended: set[int] = set()
        self.resets: dict[int, int] = {}
        self.goaways: list[int] = []
        self.closed = False
        self.h2.initiate_connection()
        self._flush()
        self.until(lambda: self.h2.remote_settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL) is not None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def request(self, host: str, path: str = "/", method: str = "GET", headers=(), ends: bool = True) -> int:
        """Sends a request's head; the stream's number."""
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", self._scheme), (":path", path), (":authority", host), *headers]
        self.h2.send_headers(stream, fields, end_stream=ends)
        self._flush()
        return stream

    def connect(self, host: str, path: str = "/", headers=()) -> int:
        """Asks for a WebSocket (RFC 8441); the stream's number."""
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", self._scheme), (":path", path)]
        fields += [(":authority", host), ("sec-websocket-version", "13"), *headers]
        self.h2.send_headers(stream, fields)
        self._flush()
        return stream

    def send(self, stream: int, data: bytes, ends: bool = False) -> None:
        """As the windows allow. BrokenPipeError when the stream is over."""
        while data:
            self.until(lambda: self._over(stream) or self.h2.local_flow_control_window(stream) > 0)
            if self._over(stream):
                raise BrokenPipeError(f"stream {stream} is over")
            size = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            self.h2.send_data(stream, data[:size])
            data = data[size:]
            self._flush()
        if ends:
            self.h2.end_stream(stream)
            self._flush()

    def reset(self, stream: int, code: int = 8) -> None:
        self.h2.reset_stream(stream, code)
        self._flush()

    def until(self, condition) -> None:
        """Reads until `condition()`, or the connection's end."""
        while not condition() and not self.closed:
            self._read()

    def head(self, stream: int) -> dict[str, str]:
        self.until(lambda: stream in self.heads or stream in self.resets)
        return self.heads[stream]

    def answer(self, stream: int) -> tuple[int, bytes]:
        """The whole response: status and body."""
        self.until(lambda: self._over(stream))
        assert stream in self.ended, (self.resets.get(stream), self.goaways, self.closed)
        return int(self.heads[stream][":status"]), bytes(self.bodies[stream])

    def _over(self, stream: int) -> bool:
        return stream in self.ended or stream in self.resets

    def _read(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            self.closed = True
            return
        for event in self.h2.receive_data(data):
            self._note(event)
        self._flush()

    def _note(self, event) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            self.heads[event.stream_id] = dict(event.headers)
        elif isinstance(event, h2.events.TrailersReceived):
            self.trailers[event.stream_id] = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[event.stream_id] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.ended.add(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.resets[event.stream_id] = event.error_code
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaways.append(event.error_code)

    def _flush(self) -> None:
        data = self.h2.data_to_send()
        if data:
            self._socket.sendall(data)


class Tunnel:
    """A WebSocket's stream as if it were a socket, its handshake done."""

    def __init__(
        self,
        address: tuple[str, int],
        host: str,
        path: str = "/",
        offer: str = "",
        timeout_s: float = 20,
        trust: str = "",
    ):
        self._connection = Http2(address, timeout_s, trust, host.partition(":")[0])
        offers = [("sec-websocket-extensions", offer)] if offer else []
        self._stream = self._connection.connect(host, path, offers)
        self.headers = self._connection.head(self._stream)
        assert self.headers[":status"] == "200", self.headers

    def sendall(self, data: bytes) -> None:
        self._connection.send(self._stream, data)

    def recv(self, size: int) -> bytes:
        body = self._connection.bodies[self._stream]
        self._connection.until(lambda: body or self._connection._over(self._stream))
        if not body and self._stream in self._connection.resets:
            raise ConnectionResetError("the stream was reset")
        data = bytes(body[:size])
        del body[:size]
        return data

    def shutdown(self, _how: int) -> None:
        self._connection.h2.end_stream(self._stream)
        self._connection._flush()

    def close(self) -> None:
        self._connection._socket.close()
