"""Takes over modules of the client's as soon as they have been imported, without importing anything early."""

import sys
from importlib.machinery import PathFinder


def _take_over_asgi(module):
    from . import takeover

    takeover.install(module)


def _take_over_inputs(module):
    from . import heartbeats, plain

    heartbeats.install(module)
    plain.install(module)


def _take_over_calls(module):
    from . import frames

    frames.install(module)


def _take_over_lifecycle(module):
    from . import lifecycle

    lifecycle.install(module)


def _time_imports(module):
    from . import phases

    phases.install(module)


_TARGETS = {
    "modal._grpc_client": _take_over_calls,
    "modal._runtime.asgi": _take_over_asgi,
    "modal._runtime.container_io_manager": _take_over_inputs,
    "modal._runtime.task_lifecycle_manager": _take_over_lifecycle,
    "modal._runtime.user_code_imports": _time_imports,
}
_LATE = {"modal._runtime.asgi": "aiohttp"}  # what a module imports for few of its users


class _AfterImport:
    """A finder that acts once for each module, and finds it where Python would have."""

    def __init__(self, names):
        self._names = names

    def find_spec(self, name, path=None, target=None):
        if name not in self._names:
            return None
        self._names.discard(name)
        if not self._names:
            sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            _call_after_execution(spec.loader, name)
        return spec


def _call_after_execution(loader, name):
    execute = loader.exec_module

    def exec_module(module):
        from .late import imported_late

        if name in _LATE:
            with imported_late(_LATE[name]):
                execute(module)
        else:
            execute(module)
        _TARGETS[name](module)

    loader.exec_module = exec_module


def install():
    for name in _TARGETS.keys() & sys.modules.keys():  # by the image's own sitecustomize
        _TARGETS[name](sys.modules[name])
    missing = set(_TARGETS) - set(sys.modules)
    if missing:
        sys.meta_path.insert(0, _AfterImport(missing))
