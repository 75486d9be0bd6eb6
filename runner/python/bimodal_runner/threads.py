"""Threads that answer requests: made when they are needed, kept for the next ones.

To wake a thread, and to pass the interpreter's lock to it, costs as much as a small request. So while a thread works,
others are woken only if it waits for something: then the loop, which steps aside for a moment, gets the lock back at
once. A thread that computes goes on to what waits by itself.
"""

import asyncio
import sys
import threading
import time
from collections import deque

_MAX_THREADS = 1000  # the largest concurrency that a container can have
_STEP_ASIDE_S = 0.00005
_AT_ONCE_S = 0.001  # a thread that computes keeps the lock for 5 ms (sys.setswitchinterval)


class Threads:
    """`run(item)` is called on a thread for each submitted item and must not raise."""

    def __init__(self, run):
        self._run = run
        self._items = deque()  # bounded by the container's slots: the gateway sends no more
        self._lock = threading.Lock()  # of what follows, and of taking an item
        self._waiting = []  # a lock of each thread that waits, the last one to do so last
        self._working = 0
        self._count = 0
        self._done = 0
        # Of the loop's thread:
        self._looking = False
        self._next_wakes = 1

    def submit(self, item):
        """Has a thread answer `item`. On the loop's thread only. Raises RuntimeError if there can't be any."""
        with self._lock:
            self._items.append(item)
            idle = self._working == 0
        if idle:
            try:
                self._add()
            except RuntimeError:
                self._items.pop()
                raise
        elif not self._looking:
            self._looking = True
            self._next_wakes = 1
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self):
        """Adds threads, four times as many each time, while those that work wait for something, or finish nothing."""
        done, began = self._done, time.monotonic()
        time.sleep(_STEP_ASIDE_S)
        if not self._items:
            self._looking = False
            return
        if time.monotonic() - began < _AT_ONCE_S or self._done == done:
            for _ in range(min(self._next_wakes, len(self._items))):
                if not self._add():  # all there can be are at work, and take what waits when they are done
                    self._looking = False
                    return
            self._next_wakes *= 4
        else:
            self._next_wakes = 1
        asyncio.get_running_loop().call_soon(self._look)

    def _add(self):
        """One more thread at work; False: there can't be."""
        with self._lock:
            waiting = self._waiting.pop() if self._waiting else None
            if waiting:
                self._working += 1
        if waiting:
            waiting.release()
            return True
        return self._count < _MAX_THREADS and self._start()

    def _start(self):
        # They are daemons: an application that hangs must not keep the container from ending.
        thread = threading.Thread(target=self._work, name=f"bimodal-wsgi-{self._count + 1}", daemon=True)
        with self._lock:
            self._working += 1
        try:
            thread.start()
        except RuntimeError as error:  # the container's limit of threads
            with self._lock:
                self._working -= 1
            if self._count == 0:
                raise
            print(f"bimodal: {error}: requests wait for a free one of {self._count}", file=sys.stderr)
            return False
        self._count += 1
        return True

    def _work(self):
        woken = threading.Lock()
        woken.acquire()
        while True:
            with self._lock:
                item = self._items.popleft() if self._items else None
                if item is None:
                    self._working -= 1
                    self._waiting.append(woken)
            if item is None:
                woken.acquire()
                continue
            self._run(item)
            self._done += 1  # roughly: who looks asks only whether it moves
