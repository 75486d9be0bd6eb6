"""Threads that answer requests: made when none is free, kept for the next ones."""

import queue
import sys
import threading

_MAX_THREADS = 1000  # the largest concurrency that a container can have


class Threads:
    """`run(item)` is called on a thread for each submitted item and must not raise."""

    def __init__(self, run):
        self._run = run
        self._items = queue.SimpleQueue()  # bounded by the container's slots: the gateway sends no more
        self._free = []  # one entry per thread that waits, or is about to
        self._count = 0

    def submit(self, item):
        """Hands `item` to a free thread. On the loop's thread only. Raises RuntimeError if there can't be any."""
        if self._free:
            self._free.pop()
        elif self._count < _MAX_THREADS:
            self._start()
        self._items.put(item)

    def _start(self):
        # They are daemons: an application that hangs must not keep the container from ending.
        thread = threading.Thread(target=self._work, name=f"bimodal-wsgi-{self._count + 1}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the container's limit of threads
            if self._count == 0:
                raise
            print(f"bimodal: {error}: requests wait for a free one of {self._count}", file=sys.stderr)
            return
        self._count += 1

    def _work(self):
        while True:
            self._run(self._items.get())
            self._free.append(None)
