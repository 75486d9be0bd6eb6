"""Serves applications of apps.py or frameworks.py by the runner alone, without the client: host.py LOOP APP [APP…].

The listening socket is inherited under the number in BIMODAL_LISTEN_FD. With several applications each is mounted
under its own name. Ends when drained, or on SIGINT as the client does: by cancelling the seat.
"""

import asyncio
import contextvars
import os
import resource
import signal
import sys

from bimodal_runner.seat import Seat

import apps


def find(name):
    if hasattr(apps, name):
        return getattr(apps, name)
    import frameworks

    return getattr(frameworks, name)


async def occupy(seat):
    async for _ in seat.occupy():
        raise AssertionError("a seat yields nothing")


async def main(names):
    seat = Seat(apps.input_id, apps.function_call_id, contextvars.ContextVar("attempt_token"))
    for name in names:
        seat.mount(name if len(names) > 1 else "", find(name), {"from_lifespan": 1})
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
