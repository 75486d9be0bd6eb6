"""A container in reserve that has gone all the way to the user's code, and stops there until it is needed.

It is a function's container already: its root filesystem, environment and arguments are that function's. The client's
entrypoint runs as it always does; where it is about to import the user's code, or to load an object that the user
serialized, it waits for the daemon's word. With enable_memory_snapshot=True it goes on to where the client would have its
memory snapshotted: global scope and @modal.enter(snap=True) have run by then.

Calls to the daemon wait as well: until then there is no such container. The first one that isn't the client's own
(code of the user's asks for something) parks it where it is.

    we    parked          one line, on the socket of standby.py
    they  one byte        go
"""

import asyncio
import functools
import os
import threading

from . import rehearsal

VARIABLE = "BIMODAL_PARK"

# Whatever of these the entrypoint calls first is about to run the user's code.
_BEFORE_CODE = (
    (
        "modal._runtime.user_code_imports",
        ("import_single_function_service", "import_class_service", "import_server_service"),
    ),
    ("modal._serialization", ("deserialize", "deserialize_params")),
)
_AT_SNAPSHOT = (("modal._runtime.user_code_imports", ("maybe_snapshot",)),)
# Whatever the client says of itself, and what is known of the answer.
_HELLO, _HEARTBEAT = "ContainerHello", "ContainerHeartbeat"


class Hold:
    """What calls wait for while the container is parked, or on its way there. Any thread, any loop."""

    def __init__(self):
        self._lock = threading.Lock()
        self._waiting = []
        self._on_call = None
        self.is_over = True

    def begin(self, on_call):
        """`on_call` is called, from any thread and maybe often, when a call waits that isn't the client's own."""
        self._on_call = on_call
        self.is_over = False

    def end(self):
        with self._lock:
            self.is_over = True
            waiting, self._waiting = self._waiting, []
        for loop, future in waiting:
            loop.call_soon_threadsafe(_let_go, future)

    async def passes(self, method):
        """Waits until a call of that method may go to the daemon; False: it is answered by an empty message instead."""
        if method == _HELLO:
            return False
        loop = asyncio.get_running_loop()
        with self._lock:
            if self.is_over:
                return True
            future = loop.create_future()
            self._waiting.append((loop, future))
        if method != _HEARTBEAT:
            self._on_call()
        await future
        return True


def _let_go(future):
    if not future.done():
        future.set_result(None)


calls = Hold()


class _Place:
    """Where the process stops, once. Any thread."""

    def __init__(self, channel):
        self._channel = channel
        self._lock = threading.Lock()
        self._left = threading.Event()
        self._reached = False

    def reach(self):
        """Returns at once; the process is parked from now on."""
        with self._lock:
            if self._reached:
                return
            self._reached = True
        threading.Thread(target=self._stay, name="parked", daemon=True).start()

    def stay(self):
        """Parks; returns when it is needed, and at once from then on."""
        if self._left.is_set():
            return
        # A fork copies each page when it first writes to it: most of those that the rest of its start touches are written to
        # now.
        rehearsal.play_start()
        self.reach()
        self._left.wait()

    def _stay(self):
        with self._channel as channel:
            try:
                channel.sendall(b"parked\n")
                word = channel.recv(1)
            except OSError:
                word = b""
        if not word:  # not needed any more
            os._exit(0)
        calls.end()
        self._left.set()


def prepare(channel, modules):
    """Has this process park. `channel` is the socket to the daemon, `modules` sys.modules; the environment is the
    container's."""
    place = _Place(channel)
    calls.begin(place.reach)
    _stop(place, modules, _AT_SNAPSHOT if takes_snapshots() else _BEFORE_CODE)


def park(channel):
    """Parks it here; returns when it is needed. Calls wait already."""
    place = _Place(channel)
    calls.begin(place.reach)
    place.stay()


def stop_before_code(place, modules):
    """Has `place.stay()` called before any code of the user's."""
    _stop(place, modules, _BEFORE_CODE)


def _stop(place, modules, before):
    for module_name, names in before:
        module = modules[module_name]
        for name in names:
            setattr(module, name, _behind(place, getattr(module, name)))


def _behind(place, official):
    @functools.wraps(official)
    def parked_first(*args, **kwargs):
        place.stay()
        return official(*args, **kwargs)

    return parked_first


def takes_snapshots():
    """Whether this container's function does."""
    from modal_proto import api_pb2

    arguments = api_pb2.ContainerArguments()
    with open(os.environ["MODAL_CONTAINER_ARGUMENTS_PATH"], "rb") as file:
        arguments.ParseFromString(file.read())
    return arguments.function_def.checkpointing_enabled
