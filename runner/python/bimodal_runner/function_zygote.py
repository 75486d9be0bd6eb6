"""A zygote of one function: a container that has gone all the way to the user's code, and forks there.

It became that function's container as one in reserve does (standby.py), ran the client's entrypoint, and stopped where
that is about to import the user's code (parking.py). Whatever it is asked for from then on is forked (zygote.py): such a
container shares the memory of all that has happened by then, and goes on from there under its own name. Whatever is open
or runs besides what is known makes the function unfit; its containers are forked earlier then.
"""

import gc
import os
import sys

from . import parking, standby, zygote
from .client_loop import ClientLoop, descriptors_of, open_loops, renew


class _Fork:
    """Where the client's entrypoint stops, once, and whence every container goes on."""

    def __init__(self, channel):
        self._channel = channel
        zygote.end_client_thread()
        self._loop = ClientLoop(zygote.synchronizer())
        self._left = False

    def refuse(self):
        """A call that isn't the client's own needs an answer. Any thread."""
        standby.give_up(self._channel, "its client asks for something before it imports the function")

    def stay(self):
        """Forks; returns in each container, and there at once from then on."""
        if self._left:
            return
        try:
            channel, loops, names = self._serve()
        except standby.Unfit as reason:
            standby.give_up(self._channel, str(reason))
        renew(loops)
        self._left = True
        standby.go_on(channel, lambda: self._go_on(names))

    def _serve(self):
        task_id = os.environ["MODAL_TASK_ID"]
        self._loop.pause()
        loops = open_loops()
        zygote.be_alone(set().union(*map(descriptors_of, loops)))
        names = _names(task_id, sys._getframe())
        return zygote.serve(self._channel), loops, names

    def _go_on(self, names):
        for mapping, key in names:
            mapping[key] = os.environ["MODAL_TASK_ID"]
        self._loop.go_on()


def prepare(channel, modules):
    """Has this process fork its containers where the user's code would be imported. `channel` is the socket to the daemon,
    `modules` sys.modules; the environment is the function's."""
    if parking.takes_snapshots():
        raise standby.Unfit("it takes snapshots")
    fork = _Fork(channel)
    parking.calls.begin(fork.refuse)
    parking.stop_before_code(fork, modules)


class _Message:
    """The task's arguments, as a mapping."""

    def __init__(self, message):
        self._message = message

    def __setitem__(self, key, value):
        setattr(self._message, key, value)


def _names(task_id, frame):
    """Where it is known by its own name: (mapping, key) of each."""
    from modal_proto import api_pb2

    arguments = {}
    while frame is not None:
        for value in frame.f_locals.values():
            if isinstance(value, api_pb2.ContainerArguments):
                arguments[id(value)] = value
        frame = frame.f_back
    names = [(_Message(value), "task_id") for value in arguments.values()]
    for thing in gc.get_objects():
        if type(thing) is dict:
            names += [(thing, key) for key, value in thing.items() if type(value) is str and value == task_id]
    return names
