"""Serves requests for as long as the seat's input runs: the only time in which the client runs the user's loop."""

import asyncio
import contextlib
import os

import _runner

from . import errors, phases, wsgi

_CANCEL_GRACE = 5.0  # seconds that cancelled requests have to clean up before their callers are cut off


class Seat:
    """One per container. Every web application of the container is mounted before the first input arrives."""

    def __init__(self, input_id_var, function_call_id_var, attempt_token_var):
        self._vars = (input_id_var, function_call_id_var)
        self._attempt_token_var = attempt_token_var
        self._mounts = []
        self._wsgi_mounts = []
        self._greeted = -1  # a connection that waits for the seat
        self._over = None  # a future while an input occupies the seat
        self._drained = False  # for good: a container that was told to drain is on its way out

    def mount(self, web_method, app, state):
        """Serves `app` for that method of the user's class ("" for a function). `state` is the lifespan's dictionary."""
        self._greet()
        self._mounts.append((web_method, app, state))

    def mount_wsgi(self, web_method, app):
        """The same for a WSGI application."""
        self._greet()
        self._wsgi_mounts.append((web_method, app))

    def _greet(self):
        # The daemon has connected before we began. That it is greeted now, before the client asks for inputs, tells it
        # that the seat will be taken.
        if not self._mounts and not self._wsgi_mounts:
            passed = phases.since_import_us()
            words = _task_id() if passed is None else f"{_task_id()}\n{passed}"
            self._greeted = _runner.greet(_listener(), words)

    async def occupy(self):
        """Serves until drained, then ends without yielding anything; cancelled, it cancels its requests first.

        There is one listener: a second input waits for the first, and goes on in its place if that was cancelled.
        """
        while not self._drained:
            await (self._serve() if self._over is None else asyncio.shield(self._over))
        return
        yield

    async def _serve(self):
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        self._attempt_token_var.set("")
        drained = asyncio.Event()
        server = _runner.Server(
            loop,
            _listener(),
            _task_id(),
            *self._vars,
            errors.report,
            drained.set,
        )
        try:
            for mount in self._mounts:
                server.mount(*mount)
            for web_method, app in self._wsgi_mounts:
                server.mount_threaded(web_method, wsgi.submitter(app), wsgi.COMMON)
            server.start()
            if self._greeted >= 0:
                server.add_greeted(self._greeted)
                self._greeted = -1
            await drained.wait()
            self._drained = True
        except asyncio.CancelledError:
            await self._cancel_requests(server, drained)
            raise
        finally:
            server.close()
            self._over.set_result(None)
            self._over = None

    async def _cancel_requests(self, server, drained):
        # The loop stops with this input: what is not finished now would hang until it runs again.
        tasks = server.tasks()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CANCEL_GRACE)
        server.cancel_threaded()
        server.drain()
        if server.running:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(drained.wait(), _CANCEL_GRACE)


def _listener():
    return int(os.environ["BIMODAL_LISTEN_FD"])


def _task_id():
    return os.environ.get("MODAL_TASK_ID", "")
