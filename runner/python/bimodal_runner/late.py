"""Imports that wait until somebody needs them.

The client's ASGI module imports aiohttp for its web_server proxy alone; that import is a quarter of the Python side of a
cold start, and a function of another kind never uses it.
"""

import contextlib
import importlib
import sys
import types


class _LateModule(types.ModuleType):
    """Stands for a module in another one's globals. While that one is executed, attributes (of annotations, say) are
    placeholders; afterwards the first one that is asked for imports the real module."""

    def __init__(self, name):
        super().__init__(name)
        self._executing = True

    def __getattr__(self, attribute):
        if self._executing:
            if attribute.startswith("__"):  # the import system's own questions
                raise AttributeError(attribute)
            return object
        return getattr(importlib.import_module(self.__name__), attribute)


@contextlib.contextmanager
def imported_late(name):
    """Within this, `import name` gives a stand-in, unless the module has been imported already."""
    if name in sys.modules:
        yield
        return
    late = _LateModule(name)
    sys.modules[name] = late
    try:
        yield
    finally:
        late._executing = False
        if sys.modules.get(name) is late:
            del sys.modules[name]
