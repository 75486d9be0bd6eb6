"""Serves applications of apps.py, socket_apps.py or frameworks.py by the runner alone, without the client: host.py LOOP APP [APP…].

The listening socket is inherited under the number in BIMODAL_LISTEN_FD. With several applications each is mounted
under its own name; one of wsgi_apps.py is written wsgi:NAME. Ends when drained, or on SIGINT as the client does: by cancelling the seat.
"""

import asyncio
import contextvars
import os
import resource
import signal
import sys

import socket_apps
from bimodal_runner.seat import Seat

import apps


def find_wsgi(name):
    import wsgi_apps

    if hasattr(wsgi_apps, name):
        return getattr(wsgi_apps, name)
    import wsgi_frameworks

    return getattr(wsgi_frameworks, name)


def find(name):
    for module in (apps, socket_apps):
        if hasattr(module, name):
            return getattr(module, name)
    if name == "canary_app":
        import canaries

        return canaries.canary_app
    import frameworks

    return getattr(frameworks, name)


async def occupy(seat):
    async for _ in seat.occupy():
        raise AssertionError("a seat yields nothing")


async def main(names):
    seat = Seat(apps.input_id, apps.function_call_id, contextvars.ContextVar("attempt_token"))
    for name in names:
        web_method = name if len(names) > 1 else ""
        if name.startswith("wsgi:"):
            seat.mount_wsgi(web_method, find_wsgi(name.removeprefix("wsgi:")))
        else:
            seat.mount(web_method, find(name), {"from_lifespan": 1})
    task = asyncio.ensure_future(occupy(seat))
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    try:
        await task
        print("drained", flush=True)
    except asyncio.CancelledError:
        print("cancelled", flush=True)
    print("unfinished tasks", len(asyncio.all_tasks()) - 1, flush=True)


if __name__ == "__main__":
    loop_kind, *app_names = sys.argv[1:]
    if loop_kind == "uvloop":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main(app_names))
    print("peak KiB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, os.getpid(), flush=True)
