"""The client's event loop, on a thread that can end and begin again: a fork carries no thread but its own."""

import asyncio
import contextlib
import gc
import os
import selectors
import threading


class ClientLoop:
    """Takes the place of the loop that the client would make for itself. `synchronizer` is the client's; it must have none
    now."""

    def __init__(self, synchronizer):
        self._synchronizer = synchronizer
        self._loop = asyncio.new_event_loop()
        synchronizer._stopping = asyncio.Event()
        self._stopped = self._loop.create_task(synchronizer._stopping.wait())
        self._stopped.add_done_callback(lambda _: self._loop.stop())
        self.go_on()

    def go_on(self):
        """Begins a thread for the loop."""
        thread = threading.Thread(target=self._run, name="client", daemon=True)
        thread.start()
        self._synchronizer._loop = self._loop
        self._synchronizer._thread = thread
        self._synchronizer._owner_pid = os.getpid()

    def pause(self):
        """Ends the thread. Whatever runs on the loop stays where it waits."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._synchronizer._thread.join()

    def _run(self):
        self._loop.run_forever()
        if self._stopped.done():
            self._close()

    def _close(self):  # as asyncio.run() does
        loop = self._loop
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def open_loops():
    """The event loops of this process that have descriptors, as far as Python made them."""
    return [
        thing
        for thing in gc.get_objects()
        if isinstance(thing, asyncio.selector_events.BaseSelectorEventLoop) and not thing.is_closed()
    ]


def descriptors_of(loop):
    """Those of a loop that waits for nothing but calls of other threads."""
    return {loop._selector.fileno(), loop._ssock.fileno(), loop._csock.fileno()}


def renew(loops):
    """Gives each descriptors of its own. Those that they had are closed already, and no number of them is in use again."""
    for loop in loops:
        loop._ssock.detach()
        loop._csock.detach()
        with contextlib.suppress(OSError):
            loop._selector.close()
    for loop in loops:
        loop._ssock = loop._csock = None
        loop._internal_fds -= 1
        loop._selector = selectors.DefaultSelector()
        loop._make_self_pipe()
