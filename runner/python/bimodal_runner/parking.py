"""A container in reserve that has gone all the way to the user's code, and stops there until it is needed.

It is a function's container already: its root filesystem, environment and arguments are that function's. The client's
entrypoint runs as it always does; where it is about to import the user's code, or to load an object that the user
serialized, it waits for the daemon's word. Calls to the daemon wait as well: until then there is no such container.

    we    parked          one line, on the socket of standby.py
    they  one byte        go
"""

import asyncio
import functools
import os
import threading

VARIABLE = "BIMODAL_PARK"

# Whatever of these the entrypoint calls first is about to run the user's code.
_DOORS = (
    (
        "modal._runtime.user_code_imports",
        ("import_single_function_service", "import_class_service", "import_server_service"),
    ),
    ("modal._serialization", ("deserialize", "deserialize_params")),
)


class Hold:
    """What calls wait for while the container is parked. Any thread, any loop."""

    def __init__(self):
        self._lock = threading.Lock()
        self._waiting = []
        self.is_over = True

    def begin(self):
        self.is_over = False

    def end(self):
        with self._lock:
            self.is_over = True
            waiting, self._waiting = self._waiting, []
        for loop, future in waiting:
            loop.call_soon_threadsafe(_let_go, future)

    async def wait(self):
        loop = asyncio.get_running_loop()
        with self._lock:
            if self.is_over:
                return
            future = loop.create_future()
            self._waiting.append((loop, future))
        await future


def _let_go(future):
    if not future.done():
        future.set_result(None)


calls = Hold()


def prepare(channel, modules):
    """Has this process park at the first of the doors. `channel` is the socket to the daemon, `modules` sys.modules."""
    doors = []
    once = threading.Lock()
    calls.begin()

    def park():
        if not once.acquire(blocking=False):
            return
        for module, name, official in doors:
            setattr(module, name, official)
        _wait(channel)
        calls.end()

    for module_name, names in _DOORS:
        module = modules[module_name]
        for name in names:
            official = getattr(module, name)
            doors.append((module, name, official))
            setattr(module, name, _behind(park, official))


def _behind(park, official):
    @functools.wraps(official)
    def parked_first(*args, **kwargs):
        park()
        return official(*args, **kwargs)

    return parked_first


def _wait(channel):
    with channel:
        try:
            channel.sendall(b"parked\n")
            word = channel.recv(1)
        except OSError:
            word = b""
    if not word:  # not needed any more
        os._exit(0)
