"""The client's unary calls as frames instead of HTTP/2 in Python, which costs most of such a call.

Messages, statuses, retries and idempotency keys stay the client's; only the transport of a container's unary calls to its
own daemon is another. engine/rpc/frame_format.h has the format. Streams, and calls of any other client, go the client's own
way, and so does everything if the client isn't built as we know it.
"""

import asyncio
import inspect
import os
import struct
import sys

from . import parking
from .takeover import expect_parameters

_SCHEME = "unix://"
_MAX_REQUEST = 64 << 20  # bytes; larger ones go the client's own way
_HEAD = struct.Struct("<IIB")
_CANCELLATION = 1


def install(module):
    """Replaces module.UnaryUnaryWrapper.direct where the daemon takes frames, or says on stderr why not. `module` is the
    client's modal._grpc_client."""
    if os.environ.get("BIMODAL_CALLS") != "frames":
        return
    try:
        _check(module)
    except Exception as error:
        print(f"bimodal: calls take the client's own path: {error}", file=sys.stderr)
        return
    official = module.UnaryUnaryWrapper.direct
    lines = _Lines()
    _connect_late(lines)

    async def direct(self, req, *, timeout=None, metadata=None):
        client = self.client
        if lines.serve(client, self.server_url):
            payload = req.SerializeToString()
            if len(payload) <= _MAX_REQUEST:
                call = _Call(lines, client.version, self.wrapped_method, payload)
                return await client._call_unary(call, req, timeout=timeout, metadata=metadata)
        return await official(self, req, timeout=timeout, metadata=metadata)

    module.UnaryUnaryWrapper.direct = direct


def _connect_late(lines):
    """Streams alone still need the client's gRPC connection, and few containers have one: its channel connects with its
    first call."""
    from modal._utils import grpc_utils

    official = grpc_utils.create_channel_with_fallbacks

    async def create_channel_with_fallbacks(server_url, metadata=None, **others):
        metadata = {} if metadata is None else metadata
        if server_url == lines.url:
            others.pop("stagger_delay", None)
            return grpc_utils.create_channel(server_url, metadata, **others)
        return await official(server_url, metadata, **others)

    grpc_utils.create_channel_with_fallbacks = create_channel_with_fallbacks


def _check(module):
    import grpclib.client
    from grpclib.const import Status
    from grpclib.exceptions import GRPCError

    expect_parameters(module.UnaryUnaryWrapper.direct, "self", "req")
    if "_call_unary" not in module.UnaryUnaryWrapper.direct.__code__.co_names:
        raise LookupError("UnaryUnaryWrapper.direct() doesn't call _call_unary")
    grpclib.client.UnaryUnaryMethod.__call__  # noqa: B018
    GRPCError(Status.UNKNOWN, "")

    from modal._utils import grpc_utils

    for function in grpc_utils.create_channel_with_fallbacks, grpc_utils.create_channel:
        if list(inspect.signature(function).parameters)[:2] != ["server_url", "metadata"]:
            raise LookupError(f"{function.__qualname__} takes other parameters than server_url and metadata")


class _Lines:
    """The connection of each loop; a program has one such loop, the client's."""

    def __init__(self):
        self._lines = {}
        self._url = None

    @property
    def url(self):
        if self._url is None:
            from modal_proto import api_pb2

            self._url = os.environ.get("MODAL_SERVER_URL", "")
            self._container = api_pb2.CLIENT_TYPE_CONTAINER
        return self._url

    def serve(self, client, server_url):
        return (
            server_url == self.url
            and server_url.startswith(_SCHEME)
            and client.client_type == self._container
            and not client._closed
            and not client._snapshotted
        )

    async def current(self, version):
        loop = asyncio.get_running_loop()
        line = self._lines.get(loop)
        if line is None or line.is_closed:
            line = self._lines[loop] = _Line(loop, version)
        if not line.is_open:
            await line.open(self._url[len(_SCHEME) :])
        return line


class _Call:
    """Stands for a grpclib.client.UnaryUnaryMethod with the request that it is about to be called with."""

    def __init__(self, lines, version, method, payload):
        self._lines = lines
        self._version = version
        self._method = method
        self._payload = payload
        self.name = method.name

    async def __call__(self, request, *, timeout=None, metadata=None):
        key = ""
        for name, value in metadata or ():
            if name == "x-idempotency-key":
                key = value
                break
        if not parking.calls.is_over and not await parking.calls.passes(self.name.rpartition("/")[2]):
            return self._method.reply_type()
        line = await self._lines.current(self._version)
        status, answer = await line.call(self.name, key, timeout, self._payload)
        if status:
            from grpclib.const import Status
            from grpclib.exceptions import GRPCError

            raise GRPCError(Status(status), bytes(answer).decode(errors="replace"))
        return self._method.reply_type.FromString(answer)


class _Line(asyncio.Protocol):
    """One connection. Of its loop alone."""

    def __init__(self, loop, version):
        self._loop = loop
        self._version = version.encode()[:255]
        self._transport = None
        self._opening = None
        self._calls = {}  # by number: futures of (status, payload)
        self._number = 0
        self._received = bytearray()
        self.is_closed = False

    @property
    def is_open(self):
        return self._transport is not None

    async def open(self, path):
        if self._opening is None:
            self._opening = self._loop.create_task(self._loop.create_unix_connection(lambda: self, path))
        try:
            await asyncio.shield(self._opening)
        except OSError:
            self.is_closed = True
            raise

    async def call(self, name, key, timeout, payload):
        if self.is_closed:
            raise ConnectionResetError("the server has hung up")
        self._number = number = (self._number + 1) & 0xFFFFFFFF
        name, key = name.encode(), key.encode()
        milliseconds = 0 if timeout is None else max(1, min(int(timeout * 1000), 0xFFFFFFFF))
        size = 5 + 1 + len(name) + 1 + len(key) + 4 + len(payload)
        head = b"%b%c%b%c%b%b" % (
            _HEAD.pack(size, number, 0),
            len(name),
            name,
            len(key),
            key,
            milliseconds.to_bytes(4, "little"),
        )
        future = self._calls[number] = self._loop.create_future()
        self._transport.write(head + payload)
        timer = None if timeout is None else self._loop.call_later(timeout, _time_out, future)
        try:
            return await future
        except BaseException:
            if self._calls.pop(number, None) is not None and not self.is_closed:
                self._transport.write(_HEAD.pack(5, number, _CANCELLATION))
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def connection_made(self, transport):
        self._transport = transport
        transport.write(b"BMF1%c%b" % (len(self._version), self._version))

    def data_received(self, data):
        received = self._received
        received += data
        begin = 0
        while len(received) - begin >= 9:
            size, number, status = _HEAD.unpack_from(received, begin)
            end = begin + 4 + size
            if len(received) < end:
                break
            future = self._calls.pop(number, None)
            if future is not None and not future.done():
                future.set_result((status, bytes(received[begin + 9 : end])))
            begin = end
        del received[:begin]

    def connection_lost(self, error):
        self.is_closed = True
        calls, self._calls = self._calls, {}
        for future in calls.values():
            if not future.done():
                future.set_exception(ConnectionResetError("the server has hung up"))


def _time_out(future):
    if not future.done():
        future.set_exception(asyncio.TimeoutError())
