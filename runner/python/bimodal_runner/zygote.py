"""A process that makes containers by forking: it has loaded what each of them needs, and shares that memory with them.

It forks only what a fork carries over: no other thread, no descriptor but its own. The daemon holds the other end of its
channel (a socket of whole messages):

    we    ready, or unfit and why
    they  fork, with the descriptors of a container
    we    forked, with the pidfd of the new container's init; or failed and why; or unfit, if it will always fail

The fork itself is native (engine/wire/zygote.h). Each container is then what standby.py describes, on its own channel.
"""

import errno
import gc
import os
import socket
import sys
import time

import _runner

from .standby import Unfit

_MAX_ORDER = 64  # bytes
_ORDER_FDS = 5
_PATIENCE = 2.0  # seconds until threads that have ended are gone
_NEVER = (errno.EPERM, errno.EINVAL, errno.ENOSYS)  # here no fork will ever be
_OWN_FDS = {0, 1, 2, 3, 4}  # 3 is held for the container's listener


def serve(channel):
    """Forks until the daemon hangs up, which ends the process. Returns in each container, its channel. be_alone() before."""
    gc.collect()
    gc.freeze()  # a later collection touches none of it, so that it stays shared
    channel.sendall(b"ready")
    while True:
        order, fds, _, _ = socket.recv_fds(channel, _MAX_ORDER, _ORDER_FDS)
        if not order:
            os._exit(0)
        try:
            made = _runner.fork_container(*fds)
        except OSError as error:
            word = "unfit" if error.errno in _NEVER else "failed"
            channel.sendall(f"{word} fork: {error.strerror}".encode())
            made = -1
        if made is None:
            break
        if made >= 0:
            socket.send_fds(channel, [b"forked"], [made])
            os.close(made)
        for fd in fds:
            os.close(fd)
    channel.detach()
    _diverge()
    return socket.socket(fileno=4)


def synchronizer():
    """The client's, which runs its event loop; None if there is none."""
    return getattr(sys.modules.get("modal._utils.async_utils"), "synchronizer", None)


def end_client_thread():
    """The client's event loop, which the rehearsal has started; it is started again where it is needed."""
    if synchronizer() is not None:
        synchronizer()._close_loop()


def be_alone(known_fds=frozenset()):
    """Raises Unfit unless this thread and these descriptors, besides the zygote's own, are all there is."""
    # One that was joined is there a moment longer.
    end = time.monotonic() + _PATIENCE
    while (threads := len(os.listdir("/proc/self/task"))) > 1 and time.monotonic() < end:
        time.sleep(0.001)
    if threads > 1:
        raise Unfit(f"what its image loads at the start has {threads - 1} threads of its own")
    with os.scandir("/proc/self/fd") as entries:
        open_fds = {int(entry.name) for entry in entries}
    extra = sorted(fd for fd in open_fds - _OWN_FDS - known_fds if _is_open(fd))  # but for that of the list itself
    if extra:
        raise Unfit(f"what its image loads at the start keeps {os.readlink(f'/proc/self/fd/{extra[0]}')} open")


def _is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _diverge():
    """What siblings would have in common that should be unlike, and that nobody makes anew after a fork by itself."""
    if "ssl" in sys.modules:
        sys.modules["ssl"].RAND_add(os.urandom(32), 32.0)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    if "tempfile" in sys.modules:
        sys.modules["tempfile"]._name_sequence = None
    if "multiprocessing.process" in sys.modules:
        sys.modules["multiprocessing.process"].current_process().authkey = os.urandom(32)
