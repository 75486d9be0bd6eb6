"""From a thread of the user's to the client's loop, which runs in another one."""

import asyncio
import collections
import contextlib
import threading


class Crossing:
    """Runs coroutines on `loop` for one thread, one at a time."""

    def __init__(self, loop):
        self._loop = loop

    def run(self, coroutine, patience=-1):
        """What the coroutine returns or raises. An exception that a signal handler raises meanwhile cancels it, waits for
        its end, and goes on unless that isn't a cancellation. TimeoutError after `patience` seconds."""
        step = _Step(self._loop, coroutine)
        self._loop.call_soon_threadsafe(step.start)
        try:
            if not step.ended.acquire(timeout=patience):
                self._loop.call_soon_threadsafe(step.cancel)
                raise TimeoutError
        except TimeoutError:
            raise
        except BaseException:
            if step.is_done:
                raise
            self._loop.call_soon_threadsafe(step.cancel)
            step.ended.acquire()
            if step.task.cancelled():
                raise
        return step.task.result()


class _Step:
    def __init__(self, loop, coroutine):
        self._loop = loop
        self._coroutine = coroutine
        self.task = None
        self.is_done = False
        self.ended = threading.Lock()
        self.ended.acquire()

    def start(self):
        self.task = self._loop.create_task(self._coroutine)
        self.task.add_done_callback(self._end)

    def cancel(self):
        self.task.cancel()

    def _end(self, task):
        self.is_done = True
        self.ended.release()


class Items:
    """A queue that a thread, or a coroutine of another loop, fills and a coroutine of `loop` empties. Takes the place of
    an asyncio.Queue there."""

    def __init__(self, size, loop):
        self._loop = loop
        self._items = collections.deque()
        self._room = threading.Semaphore(size)
        self._waiter = None  # of the coroutine that found nothing
        self._writers = collections.deque()  # futures of coroutines that found no room, of their loops

    def put_from_thread(self, item):
        """Waits as long as `size` items are in there."""
        self._room.acquire()
        self._append(item)

    async def put_from_loop(self, item):
        """The same on another loop than `loop`."""
        while not self._room.acquire(blocking=False):
            room = asyncio.get_running_loop().create_future()
            self._writers.append(room)
            if self._room.acquire(blocking=False):  # there is some since, and nobody looked at the writers
                break
            await room
        self._append(item)

    def _append(self, item):
        self._items.append((item, True))
        if self._waiter is not None:
            self._loop.call_soon_threadsafe(self._wake)

    async def put(self, item):
        """Of the loop itself: doesn't wait."""
        self._items.append((item, False))
        self._wake()

    async def get(self):
        while not self._items:
            self._waiter = self._loop.create_future()
            if self._items:  # since the thread looked for a waiter in vain
                break
            await self._waiter
        self._waiter = None
        return self.get_nowait()

    def get_nowait(self):
        if not self._items:
            raise asyncio.QueueEmpty
        item, is_counted = self._items.popleft()
        if is_counted:
            self._room.release()
        if self._writers:
            self._call_writer()
        return item

    def _call_writer(self):
        room = self._writers.popleft()
        with contextlib.suppress(RuntimeError):  # its loop is closed
            room.get_loop().call_soon_threadsafe(_finish, room)

    def _wake(self):
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            _finish(waiter)


def _finish(future):
    if not future.done():
        future.set_result(None)
