"""Calls takeover.install() as soon as the client's ASGI module has been imported, without importing anything early."""

import sys
from importlib.machinery import PathFinder

TARGET = "modal._runtime.asgi"


class _AfterImport:
    """A finder that acts once, for one module, and finds it where Python would have."""

    def find_spec(self, name, path=None, target=None):
        if name != TARGET:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            _call_after_execution(spec.loader)
        return spec


def _call_after_execution(loader):
    execute = loader.exec_module

    def exec_module(module):
        from .late import imported_late

        with imported_late("aiohttp"):
            execute(module)
        _take_over(module)

    loader.exec_module = exec_module


def _take_over(module):
    from . import takeover

    takeover.install(module)


def install():
    if TARGET in sys.modules:  # by the image's own sitecustomize
        _take_over(sys.modules[TARGET])
    else:
        sys.meta_path.insert(0, _AfterImport())
