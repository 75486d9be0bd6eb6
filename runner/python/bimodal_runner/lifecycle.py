"""Guards the steps of a start without a change of threads.

The client runs each of them (the import, the making of the application, its lifespan) inside a context manager of its own
loop, in another thread: there and back to enter it, there and back to leave it, while a caller waits. What it does is
for exceptions alone, so it is entered only when there is one. If the client isn't built as we know it, nothing is
replaced.
"""

import sys

_METHOD = "handle_task_lifecycle_exception"


def install(module):
    """Replaces a method of module.TaskLifecycleManager, or says on stderr why not. `module` is the client's
    modal._runtime.task_lifecycle_manager."""
    try:
        manager_type = module.TaskLifecycleManager
        official = vars(manager_type)[_METHOD]
        if not hasattr(official, "__get__"):
            raise TypeError(f"{_METHOD} isn't a method")
    except Exception as error:
        print(f"bimodal: starts take the client's own path: {error!r}", file=sys.stderr)
        return
    setattr(manager_type, _METHOD, _Method(official))


class _Method:
    def __init__(self, official):
        self._official = official

    def __get__(self, instance, owner=None):
        if instance is None:
            return self._official.__get__(None, owner)
        return _Bound(lambda: self._official.__get__(instance, owner))


class _Bound:
    def __init__(self, bind):
        self._bind = bind

    def __call__(self):
        return _Guard(self._bind)

    @property
    def aio(self):
        return self._bind().aio


class _Guard:
    def __init__(self, bind):
        self._bind = bind

    def __enter__(self):
        return None

    def __exit__(self, kind, error, traceback):
        if error is None:
            return False
        guard = self._bind()()
        guard.__enter__()
        return guard.__exit__(kind, error, traceback)
