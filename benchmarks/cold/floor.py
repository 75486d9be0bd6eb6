"""The floor of many starts at once: what forking a sandbox for each costs, when nothing else is done.

    python benchmarks/cold/floor.py SOCKET [MODULE ...]

A server of one thread that has imported MODULEs listens on a Unix socket. Each byte that comes on a connection makes it clone itself into
pid, ipc, uts, mount, network and cgroup namespaces of their own; the clone joins cgroups of its own (memory, cpu, pids),
pivots into an overlay, answers the connection with one byte and waits to be killed. "k" kills them all, and answers when
they and their cgroups are gone. No seccomp filter, no interface, no task, no user's code: less than any start of
a container needs. `Floor` is the client's side. Root only.
"""

import ctypes
import gc
import importlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x00020000, 0x02000000, 0x04000000
CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = 0x08000000, 0x20000000, 0x40000000
MS_REC, MS_PRIVATE, MNT_DETACH = 0x4000, 0x40000, 2
SYS_CLONE, SYS_PIVOT_ROOT, SYS_UNSHARE = 56, 155, 272  # of x86-64
CONTROLLERS = ("memory", "cpu", "pids")

libc = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter's lock: a clone has only this thread


def check(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def mount(source: bytes, target: bytes, kind: bytes | None, flags: int, options: bytes | None = None) -> None:
    check(libc.mount(source, target, kind, ctypes.c_ulong(flags), options))


def cgroup_parents(name: str) -> list[Path]:
    """One directory in each hierarchy of version 1, one in all of version 2."""
    root = Path("/sys/fs/cgroup")
    bases = [root / controller for controller in CONTROLLERS] if (root / "memory").is_dir() else [root]
    parents = [base / name for base in bases]
    for parent in parents:
        parent.mkdir()
        if len(parents) == 1:
            (parent / "cgroup.subtree_control").write_text(" ".join(f"+{one}" for one in CONTROLLERS))
    return parents


class Server:
    def __init__(self, place: Path):
        self._folder = str(place.parent)
        self._parents = cgroup_parents(f"bench-floor-{os.getpid()}")
        self._parent_names = [str(parent) for parent in self._parents]
        self._clones: list[int] = []
        self._made = 0
        os.makedirs(f"{self._folder}/lower/proc")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(place))
        self._listener.listen(256)

    def serve(self) -> None:
        """Until the standard input ends."""
        poll, connections = select.epoll(), {}
        for one in (sys.stdin, self._listener):
            poll.register(one, select.EPOLLIN)
        while True:
            for number, _ in poll.poll():
                if number == sys.stdin.fileno():
                    return self.close()
                if number == self._listener.fileno():
                    connection = self._listener.accept()[0]
                    connections[connection.fileno()] = connection
                    poll.register(connection, select.EPOLLIN)
                    continue
                word = connections[number].recv(1)
                if word == b"f":
                    self.clone(number)
                elif word == b"k":
                    self.kill()
                    connections[number].sendall(b"k")
                else:
                    poll.unregister(number)
                    connections.pop(number).close()

    def clone(self, connection: int) -> None:
        self._made += 1
        flags = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | signal.SIGCHLD
        pid = check(libc.syscall(SYS_CLONE, ctypes.c_ulong(flags), None, None, None, None))
        if pid:
            self._clones.append(pid)
            return
        try:
            self.become_a_sandbox()
            os.write(connection, b"1")
            signal.pause()
        except BaseException as why:
            os.write(2, f"floor: {why!r}\n".encode())
        os._exit(1)

    def become_a_sandbox(self) -> None:
        # No pathlib: its own work would be a part of the floor.
        number = str(self._made)
        for parent in self._parent_names:
            os.mkdir(f"{parent}/{number}")
            place = os.open(f"{parent}/{number}/cgroup.procs", os.O_WRONLY)
            os.write(place, b"0")
            os.close(place)
        check(libc.syscall(SYS_UNSHARE, ctypes.c_ulong(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWCGROUP)))
        mount(b"none", b"/", None, MS_REC | MS_PRIVATE)
        upper, work, root = (f"{self._folder}/{kind}{number}" for kind in ("upper", "work", "root"))
        for place in (upper, work, root):
            os.mkdir(place)
        options = f"lowerdir={self._folder}/lower,upperdir={upper},workdir={work}"
        mount(b"overlay", root.encode(), b"overlay", 0, options.encode())
        os.chdir(root)
        mount(b"proc", b"proc", b"proc", 0)
        check(libc.syscall(SYS_PIVOT_ROOT, b".", b"."))
        check(libc.umount2(b".", MNT_DETACH))

    def kill(self) -> None:
        for pid in self._clones:
            os.kill(pid, signal.SIGKILL)
        for pid in self._clones:
            os.waitpid(pid, 0)
        self._clones.clear()
        for parent in self._parents:
            for own in parent.iterdir():
                if own.is_dir():
                    own.rmdir()

    def close(self) -> None:
        self.kill()
        for parent in self._parents:
            parent.rmdir()


class Floor:
    """A running server; use it in `with`. AssertionError when it can't start, as without root."""

    def __init__(self, python: Path, *modules: str):
        self._words = [str(python), __file__]
        self._modules = modules

    def __enter__(self) -> "Floor":
        self._folder = Path(tempfile.mkdtemp(prefix="bm-floor-"))
        self._place = self._folder / "socket"
        words = [*self._words, str(self._place), *self._modules]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout.readline() == b"ready\n", "the floor's server didn't start"
        self._control = self.connection()
        return self

    def __exit__(self, *_) -> None:
        self._control.close()
        self._process.communicate(timeout=60)
        shutil.rmtree(self._folder)

    def connection(self) -> socket.socket:
        """For one request, b"f", whose answer is one byte."""
        made = socket.socket(socket.AF_UNIX)
        made.connect(str(self._place))
        return made

    def clear(self) -> None:
        """Ends all clones."""
        self._control.sendall(b"k")
        assert self._control.recv(1) == b"k"


def main() -> None:
    for module in sys.argv[2:]:
        importlib.import_module(module)
    server = Server(Path(sys.argv[1]))
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    server.serve()


if __name__ == "__main__":
    main()
