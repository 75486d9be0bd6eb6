"""Runs WSGI applications (PEP 3333) for native requests, each on a thread of its own."""

import contextvars
import io
import sys

import _runner

from . import errors
from .threads import Threads
from .upgraded_socket import UpgradedSocket

_BLOCK = 64 * 1024  # bytes that go out in one frame


class FileWrapper:
    """What applications get as wsgi.file_wrapper: the blocks of a file, which is closed with it."""

    def __init__(self, file, block_size=_BLOCK):
        self._file = file
        self._block_size = block_size
        if hasattr(file, "close"):
            self.close = file.close

    def __iter__(self):
        return self

    def __next__(self):
        block = self._file.read(self._block_size)
        if not block:
            raise StopIteration
        return block


COMMON = {
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,  # other containers
    "wsgi.run_once": False,
    "SCRIPT_NAME": "",
    "wsgi.input_terminated": True,  # a body without Content-Length ends by itself
    "wsgi.file_wrapper": FileWrapper,
}


class _Body(io.RawIOBase):
    """A body that comes while it is read."""

    def __init__(self, request):
        self._request = request

    def readable(self):
        return True

    def readinto(self, buffer):
        part = self._request.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def _input_of(request):
    body = request.whole_body()
    return io.BytesIO(body) if body is not None else io.BufferedReader(_Body(request), _BLOCK)


class _Response:
    """What start_response() and the application's result become. The head leaves with the first bytes."""

    def __init__(self, request, upgraded):
        self._request = request
        self._upgraded = upgraded
        self._started = False
        self._sent = False

    def start(self, status, headers, exc_info=None):
        # flask-sock answers once more when it is done with the socket: that response has nowhere to go.
        if self._upgraded is not None and self._upgraded.switched:
            return lambda data: None
        if exc_info:
            try:
                if self._sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no cycle with this frame
        elif self._started:
            raise AssertionError("start_response() was called twice, the second time without exc_info")
        self._request.start(status, headers)
        self._started = True
        return self.write

    def write(self, data):
        self._send(data, False)

    def send(self, result):
        """Sends the whole result of the application."""
        if isinstance(result, (list, tuple)) and len(result) == 1:
            return self._send(result[0], True)
        for data in result:
            if self._request.disconnected:
                raise _runner.ClientDisconnected("the caller is gone")
            self._send(data, False)
        return self._send(b"", True)

    def _send(self, data, end):
        if not isinstance(data, bytes):
            raise TypeError(f"a WSGI application must give bytes, not {type(data).__name__}")
        if not self._started:
            raise AssertionError("the application gave bytes before it called start_response()")
        if data or end:
            self._sent = True
            self._request.write(data, end)


def _call_upgraded(request, app, log):
    """The same for a request that asks to leave HTTP: it does when the application takes the socket."""
    upgraded = UpgradedSocket(request)
    # By these names applications know the sockets of other servers.
    sockets = {"werkzeug.socket": upgraded.theirs, "gunicorn.socket": upgraded.theirs, "HTTP_CONNECTION": "Upgrade"}
    try:
        _call(request, app, log, upgraded, sockets)
    except (ConnectionError, StopIteration):
        if not upgraded.switched:  # else it is how an application says that there is no response
            raise
    finally:
        upgraded.finish()


def _call(request, app, log, upgraded=None, extra=()):
    request.enter()
    environ = request.take_environ()
    environ.update(extra)
    environ["wsgi.input"] = io.BytesIO() if upgraded else _input_of(request)
    environ["wsgi.errors"] = log
    response = _Response(request, upgraded)
    result = app(environ, response.start)
    try:
        if upgraded is None or not upgraded.switched:
            response.send(result)
    finally:
        if hasattr(result, "close"):
            result.close()


def _answer(request, app):
    """Never raises: whatever an application does, its thread serves the next request."""
    reason = None
    try:
        call = _call_upgraded if request.is_tunnel else _call
        call(request, app, sys.stderr)
    except _runner.RequestCancelled:
        reason = "the request was cancelled"
    except BaseException as error:  # also SystemExit, which ends no more than its thread would
        reason = errors.report(error, request.disconnected)
    request.end(reason)


def _answer_and_recover(request, app):
    try:
        _answer(request, app)
    except BaseException as error:  # a cancellation that came too late
        request.end(errors.report(error, True))


def submitter(app):
    """A function that takes native requests for `app`, in a context like the caller's. On the loop's thread only."""
    base = contextvars.copy_context()

    def run(request):
        base.copy().run(_answer_and_recover, request, app)

    return Threads(run).submit
