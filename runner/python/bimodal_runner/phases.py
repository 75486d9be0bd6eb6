"""When the user's module was imported, for whoever watches how long starts take."""

import functools
import time

_IMPORTS = ("import_single_function_service", "import_class_service", "import_server_service")

_imported_at = None  # monotonic nanoseconds


def install(module):
    """Notes when one of these returns. `module` is modal._runtime.user_code_imports; what a version of the client doesn't
    have isn't timed."""
    for name in _IMPORTS:
        official = getattr(module, name, None)
        if official is not None:
            setattr(module, name, _timed(official))


def _timed(official):
    @functools.wraps(official)
    def timed(*args, **kwargs):
        global _imported_at
        service = official(*args, **kwargs)
        _imported_at = time.monotonic_ns()
        return service

    return timed


def since_import_us():
    """Microseconds since then, as far as 32 bits go; None when it isn't known."""
    return None if _imported_at is None else min((time.monotonic_ns() - _imported_at) // 1000, 0xFFFFFFFF)
