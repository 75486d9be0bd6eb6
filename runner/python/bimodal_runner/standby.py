"""A container in reserve: a Python that has imported what every container of its image imports, and waits to be told
which one it is.

Runs inside sitecustomize, before the interpreter looks at its own `-m`: what follows is an ordinary start. The daemon
holds the other end of the socket BIMODAL_STANDBY_FD:

    we    ready, or unfit and why                 one line
    they  swap this sandbox's root, then send     u32 size, then working directory and NAME=VALUE…, separated by NUL
    we    go, or unfit and why                    one line; the socket is closed, unless the container is to be parked
                                                  (BIMODAL_PARK): parking.py has the rest

Until then the process has no secret and none of the app's files. With BIMODAL_ZYGOTE=image it isn't a container itself but
forks such ones (zygote.py): what is said above then goes over the channel of each. With BIMODAL_ZYGOTE=function it becomes
that function's container first, and forks where the user's code would begin (function_zygote.py).
"""

import contextlib
import importlib
import importlib.util
import os
import socket
import struct
import sys
import time
import warnings

from . import parking, rehearsal

VARIABLE = "BIMODAL_STANDBY_FD"
_ZYGOTE = "BIMODAL_ZYGOTE"

_MAX_TASK = 16 * 1024 * 1024  # bytes
_CLIENT = "modal._container_entrypoint"
# Everything of the client that a container of some kind imports after its entrypoint.
_CLIENT_PARTS = ("modal._runtime.asgi", "modal._runtime.user_code_imports", "modal._serialization")
# What a web function's container imports besides, if its image has it.
_FRAMEWORKS = (
    "fastapi",
    "fastapi.middleware.cors",
    "fastapi.telemetry._runtime",
    "pydantic.v1",
    "starlette.applications",
    "starlette.responses",
    "anyio._backends._asyncio",
    "flask",
    "uuid",
    "ssl",
    "runpy",
)


class Unfit(Exception):
    """This process can't become that container: it would differ from one that was started for it."""


def decline(reason):
    """Ends the process, which can't become any container."""
    give_up(socket.socket(fileno=int(os.environ.pop(VARIABLE))), reason)


def wait(own_dir):
    """Returns as the container that the daemon wants; ends the process when there will be none. `own_dir` is where the
    runner is."""
    channel = socket.socket(fileno=int(os.environ.pop(VARIABLE)))
    forks = os.environ.pop(_ZYGOTE, None)
    with _giving_up(channel):
        _preload()
        rehearsal.play()
        known = _Known(own_dir)
        if forks == "image":
            from . import zygote

            zygote.end_client_thread()
            zygote.be_alone()
            sys.path_importer_cache.clear()  # or each container would, and copy the pages that it is on
            channel = zygote.serve(channel)  # returns in each container
    with _giving_up(channel):
        directory, variables = _next_task(channel)
        os.chdir(directory)
        known.check(os.fsdecode(directory))
        _take_environment(variables)
        sys.path_importer_cache.clear()
        importlib.invalidate_caches()
        stops = bool(os.environ.pop(parking.VARIABLE, ""))
        if stops:
            parking.prepare(channel, sys.modules)
        elif forks == "function":
            from . import function_zygote

            stops = True
            function_zygote.prepare(channel, sys.modules)
    channel.sendall(b"go\n")
    if not stops:
        channel.close()


def go_on(channel, in_its_name):
    """Returns as the container that the daemon wants, in one that was forked where the client is about to import the user's
    code. `in_its_name` is called when the environment is that container's. Ends the process when there will be none."""
    with _giving_up(channel):
        directory, variables = _next_task(channel)
        os.chdir(directory)
        _take_environment(variables)
        in_its_name()
        channel.sendall(b"go\n")
    if os.environ.pop(parking.VARIABLE, ""):
        parking.park(channel)
    else:
        parking.calls.end()
        channel.close()


@contextlib.contextmanager
def _giving_up(channel):
    try:
        yield
    except Unfit as reason:
        give_up(channel, str(reason))
    except Exception as error:  # pylint: disable=broad-except
        give_up(channel, f"{type(error).__name__}: {error}")


def give_up(channel, reason):
    """Ends the process, and tells the daemon why."""
    channel.sendall(b"unfit " + " ".join(reason.split()).encode(errors="replace")[:500] + b"\n")
    os._exit(0)


def _next_task(channel):
    channel.sendall(b"ready\n")
    task = _receive(channel)
    if task is None:  # not needed any more
        os._exit(0)
    return task


def _preload():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _import_everything()


def _import_everything():
    importlib.import_module(_CLIENT)
    del sys.modules[_CLIENT]  # it is about to run as __main__
    for name in _CLIENT_PARTS:
        importlib.import_module(name)
    for name in _FRAMEWORKS:
        try:
            if importlib.util.find_spec(name.partition(".")[0]) is not None:
                importlib.import_module(name)
        except Exception:  # pylint: disable=broad-except
            pass  # the app's own import says what is wrong, if the app imports it at all


class _Known:
    """What was imported from where, to be compared with what an import would find in the new root."""

    def __init__(self, own_dir):
        self._own_dir = own_dir
        self._names = {name.partition(".")[0] for name in sys.modules}
        files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        self._files = {file: _identity(file) for file in files if file}
        self._folders = {}
        for file in self._files:
            folder = os.path.dirname(file)
            self._folders.setdefault(folder, (_folder_identity(folder), []))[1].append(file)
        first = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != own_dir]
        self._first = first  # directories that come before those of the image
        self._path = list(sys.path)

    def check(self, directory):
        """Raises Unfit when a module that is loaded would be another one in this root. `directory` is where the program
        starts, from where it imports first."""
        for path in {*self._first, directory}:
            for entry in _entries(path):
                name = entry.partition(".")[0]
                if name in self._names and self._shadows(path, entry):
                    raise Unfit(f"{os.path.join(path, entry)} takes the place of a module that is loaded already")
        for folder, (identity, files) in self._folders.items():
            if _folder_identity(folder) == identity:
                continue
            for file in files:
                if _identity(file) != self._files[file]:
                    raise Unfit(f"{file} is another file than in the image")
        import site

        extra = site.getusersitepackages() if site.ENABLE_USER_SITE else None
        if extra and extra not in self._path and os.path.isdir(extra):
            raise Unfit(f"{extra} isn't in the image")

    def _shadows(self, path, entry):
        # A directory without an __init__.py only counts when nothing else has that name.
        whole = os.path.join(path, entry)
        if os.path.isdir(whole):
            return os.path.isfile(os.path.join(whole, "__init__.py")) and not self._is_loaded_from(whole)
        return entry.endswith((".py", ".pyc", ".so")) and not self._is_loaded_from(whole)

    def _is_loaded_from(self, whole):
        return any(file == whole or file.startswith(whole + os.sep) for file in self._files)


def _identity(file):
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _folder_identity(folder):
    # A merged folder shows the times of its uppermost layer (ovl_getattr), and nobody can set the second one: equal times
    # say that no layer of the new root has a word in what the folder holds.
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns


def _entries(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def _receive(channel):
    """The working directory and the environment, both in bytes; None when the daemon has hung up."""
    head = _receive_exactly(channel, 4)
    if head is None:
        return None
    (size,) = struct.unpack("<I", head)
    if size > _MAX_TASK:
        raise Unfit(f"a task of {size} bytes")
    body = _receive_exactly(channel, size)
    if body is None:
        return None
    directory, *variables = body.split(b"\0")
    return directory, variables


def _receive_exactly(channel, size):
    parts = []
    while size > 0:
        part = channel.recv(min(size, 1 << 16))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _take_environment(variables):
    os.environ.clear()
    for variable in variables:
        name, _, value = variable.partition(b"=")
        os.environb[name] = value
    time.tzset()
