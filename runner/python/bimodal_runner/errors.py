"""What the log and the gateway are told about an exception that an application let escape."""

import sys
import traceback

import _runner

_MAX_REASON = 500  # characters


def report(error, disconnected):
    """Prints the traceback to stderr and returns the exception in one line.

    Nothing is printed when the caller is gone (`disconnected`) and the exception only says so.
    """
    if not (disconnected and _comes_from_disconnect(error)):
        traceback.print_exception(error, file=sys.stderr)
    text = " ".join(str(error).split())
    name = type(error).__name__
    return (f"{name}: {text}" if text else name)[:_MAX_REASON]


def _comes_from_disconnect(error):
    seen = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, _runner.ClientDisconnected):
            return True
        seen.add(id(error))
        inner = getattr(error, "exceptions", None)  # an exception group
        if inner:
            return all(_comes_from_disconnect(one) for one in inner)
        error = error.__cause__ or error.__context__
    return False
