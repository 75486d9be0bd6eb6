"""Gives native requests to threads, each of which runs a WSGI application (PEP 3333) for one at a time."""

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


def _call_upgraded(request, app):
    """The same for a request that asks to leave HTTP: it does when the application takes the socket."""
    upgraded = UpgradedSocket(request)
    # By these names applications know the sockets of other servers.
    sockets = {"werkzeug.socket": upgraded.theirs, "gunicorn.socket": upgraded.theirs, "HTTP_CONNECTION": "Upgrade"}
    try:
        _call(request, app, io.BytesIO(), sockets)
    except (ConnectionError, StopIteration):
        if not request.switched:  # else it is how an application says that there is no response
            raise
    finally:
        upgraded.finish()


def _call(request, app, body, extra=()):
    request.enter()
    environ = request.take_environ()
    environ.update(extra)
    environ["wsgi.input"] = body
    environ["wsgi.errors"] = sys.stderr
    request.call(app, environ)


def _answer(request, app):
    """Never raises: whatever an application does, its thread serves the next request."""
    reason = None
    try:
        if request.is_tunnel:
            _call_upgraded(request, app)
        else:
            _call(request, app, _input_of(request))
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
