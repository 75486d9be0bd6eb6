"""Heartbeats when the daemon asks for them, instead of by the client's clock.

The client sends one, waits for its answer, and sends the next when its interval is over, but a second after an answer that
carries cancellations. The daemon leaves one unanswered until it wants to know whether the container lives, so that the
interval counts only after one that failed.
"""

_INTERVAL = 600.0  # seconds; kClientsPause in engine/runtime/vigil.cc
_BOUNDS = {"HEARTBEAT_INTERVAL": _INTERVAL, "HEARTBEAT_TIMEOUT": _INTERVAL + 0.1}


def install(module):
    """`module` is the client's modal._runtime.container_io_manager. One that is built otherwise goes by its own clock."""
    if all(isinstance(vars(module).get(name), float) for name in _BOUNDS):
        vars(module).update(_BOUNDS)
