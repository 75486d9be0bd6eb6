"""Programs of a client that calls a deployed app's functions."""

_PRELUDE = """
import asyncio, json, modal, time
f = lambda name: modal.Function.from_name('{app}', name)
cls = lambda name: modal.Cls.from_name('{app}', name)
def failure(call):
    try:
        return call()
    except Exception as e:
        return f'{{type(e).__name__}}: {{e}}'
"""


def prelude(app: str) -> str:
    """What such a program begins with: f() and cls() look up by name, failure() tells what a call raised."""
    return _PRELUDE.format(app=app)
