"""Runs plain inputs with one change of threads each where the client's own loop makes four.

The client's RPCs run on a loop in a thread of its own; the user's synchronous functions on the main thread. Every method of
its ContainerIOManager that the main thread calls goes over there and back, which costs more than the RPCs. Here an output
waits on the main thread until the next input is fetched and goes over together with that question; a guard against
exceptions goes over only when there is one; a generator's items cross in batches. All else, the RPCs among it, stays the
client's. Functions that take several inputs at once keep the client's own loop. If the client isn't built as we know
it, nothing is replaced.
"""

import contextlib
import functools
import sys
import time

from .crossing import Crossing, Items
from .takeover import expect_parameters

# Larger results are left to the client, which may make blobs of them. The smaller bound is that of spawned calls.
_MAX_RESULT = 1 << 20
_MAX_SPAWNED_RESULT = 8 << 10
_CLOSE_PATIENCE = 10.0  # seconds, while the interpreter or the client's loop may be on their way out


def install(module):
    """Replaces methods of module.ContainerIOManager, or says on stderr why not. `module` is the client's
    modal._runtime.container_io_manager."""
    try:
        _check(module)
    except Exception as error:
        print(f"bimodal: plain inputs take the client's own path: {error}", file=sys.stderr)
        return
    lanes = {}

    def lane_of(manager):
        if manager not in lanes:
            lanes[manager] = _Lane(module, manager)
        return lanes[manager]

    manager_type = module.ContainerIOManager
    for name in ("run_inputs_outputs", "push_outputs", "handle_input_exception", "_queue_create", "_queue_put"):
        setattr(manager_type, name, _Method(vars(manager_type)[name], name, lane_of))


def _check(module):
    manager, context = module._ContainerIOManager, module.IOContext
    expect_parameters(manager.run_inputs_outputs, "self", "finalized_functions", "batch_max_size", "batch_wait_ms")
    expect_parameters(manager.push_outputs, "self", "io_context", "started_at", "output_data")
    expect_parameters(manager._queue_create, "self", "size")
    expect_parameters(manager._queue_put, "self", "queue", "value")
    expect_parameters(context._determine_output_format, "self", "input_format")
    expect_parameters(context.output_items, "self", "started_at", "data")
    expect_parameters(context.cancel, "self")
    expect_parameters(module.serialize_data_format, "obj", "data_format")
    if "_cancel_issued" not in context.cancel.__code__.co_names:
        raise LookupError("IOContext.cancel() doesn't look at _cancel_issued")
    module.synchronizer._translate_in  # noqa: B018
    for name in ("run_inputs_outputs", "push_outputs", "handle_input_exception", "_queue_create", "_queue_put"):
        vars(module.ContainerIOManager)[name]  # noqa: B018


class _Method:
    """Stands for a method of the client's. What is called by the user's thread, or awaited on the user's loop, is ours."""

    def __init__(self, official, name, lane_of):
        self._official = official
        self._name = name.strip("_")
        self._lane_of = lane_of

    def __get__(self, instance, owner=None):
        if instance is None:
            return self._official.__get__(None, owner)
        return _Bound(self._lane_of(instance), self._name, self._official.__get__, instance)


class _Bound:
    def __init__(self, lane, name, bind, instance):
        self._lane = lane
        self._name = name
        self._bind = bind
        self._instance = instance

    @property
    def official(self):
        """The client's own method, with its `.aio`. Made when needed: that takes longer than most of its calls should."""
        return self._bind(self._instance, type(self._instance))

    def __call__(self, *args, **kwargs):
        return getattr(self._lane, self._name)(self, *args, **kwargs)

    @property
    def aio(self):
        ours = getattr(self._lane, self._name + "_aio", None)
        return self.official.aio if ours is None else functools.partial(ours, self)


class _Lane:
    """What the main thread and the client's loop share, of one ContainerIOManager."""

    def __init__(self, module, manager):
        self._module = module
        self._inner = module.synchronizer._translate_in(manager)
        self._crossing = None  # made when the loop certainly runs
        self._runs = False  # inputs come one after another, on the main thread
        self._ready = None  # what push_outputs() was given and hasn't been sent yet

    def _across(self):
        if self._crossing is None:
            self._crossing = Crossing(self._module.synchronizer._get_loop(start=True))
        return self._crossing

    def run_inputs_outputs(self, method, finalized_functions, batch_max_size=0, batch_wait_ms=0):
        inputs = self._inner.run_inputs_outputs(finalized_functions, batch_max_size, batch_wait_ms)
        self._runs = True
        try:
            while True:
                io_context = self._across().run(self._send_and_fetch(inputs))
                if io_context is None:
                    return
                yield io_context
        finally:
            self._runs = False
            if not sys.is_finalizing():
                with contextlib.suppress(Exception):
                    self._across().run(self._send_and_close(inputs), _CLOSE_PATIENCE)

    async def _send(self):
        ready, self._ready = self._ready, None
        if ready is not None:
            await self._inner.push_outputs(*ready)

    async def _send_and_fetch(self, inputs):
        await self._send()
        try:
            return await inputs.__anext__()
        except StopAsyncIteration:
            return None

    async def _send_and_close(self, inputs):
        try:
            await self._send()
        finally:
            await inputs.aclose()

    def push_outputs(self, method, io_context, started_at, output_data):
        if not self._keep(io_context, started_at, output_data):
            method.official(io_context, started_at, output_data)

    async def push_outputs_aio(self, method, io_context, started_at, output_data):
        if not self._keep(io_context, started_at, output_data):
            await method.official.aio(io_context, started_at, output_data)

    def _keep(self, io_context, started_at, output_data):
        """Whether the output waits for the next input to be asked for."""
        items = self._items_of(io_context, started_at, output_data) if self._runs and self._ready is None else None
        if items is None:
            return False
        io_context.output_items = _Given(items)
        io_context._cancel_issued = True  # it is too late: nobody is there to be interrupted
        self._ready = (io_context, started_at, output_data)
        return True

    def _items_of(self, io_context, started_at, output_data):
        """As IOContext.output_items() makes them; nothing if one is large."""
        api_pb2, items, created_at = self._module.api_pb2, [], time.time()
        for value, input_id, retry_count, function_input, invocation in zip(
            output_data,
            io_context.input_ids,
            io_context.retry_counts,
            io_context.function_inputs,
            io_context.function_call_invocation_types,
        ):
            data_format = io_context._determine_output_format(function_input.data_format)
            data = self._module.serialize_data_format(value, data_format=data_format)
            is_spawned = invocation == api_pb2.FUNCTION_CALL_INVOCATION_TYPE_ASYNC
            if len(data) > (_MAX_SPAWNED_RESULT if is_spawned else _MAX_RESULT):
                return None
            item = api_pb2.FunctionPutOutputsItem(
                input_id=input_id,
                input_started_at=started_at,
                output_created_at=created_at,
                result=api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_SUCCESS, data=data),
                data_format=data_format,
                retry_count=retry_count,
            )
            items.append(item)
        return items

    def handle_input_exception(self, method, io_context, started_at):
        return _Guard(self, method, io_context, started_at)

    handle_input_exception_aio = handle_input_exception

    def drop(self, io_context):
        """Another end than the one that waits to be sent is on its way."""
        if self._ready is not None and self._ready[0] is io_context:
            self._ready = None
            del io_context.output_items

    def queue_create(self, method, size):
        return Items(size, self._module.synchronizer._get_loop(start=True))

    async def queue_create_aio(self, method, size):
        return self.queue_create(method, size)

    def queue_put(self, method, queue, value):
        queue.put_from_thread(value)

    async def queue_put_aio(self, method, queue, value):
        await queue.put_from_loop(value)


class _Given:
    """Output items that are there already, in the place of the method that makes them."""

    def __init__(self, items):
        self._items = items

    async def __call__(self, started_at, data):
        return self._items


class _Guard:
    """The client's handle_input_exception(), entered only when there is an exception."""

    def __init__(self, lane, method, io_context, started_at):
        self._lane = lane
        self._method = method
        self._of = (io_context, started_at)

    def __enter__(self):
        return None

    def __exit__(self, kind, error, traceback):
        if error is None:
            return False
        self._lane.drop(self._of[0])
        guard = self._method.official(*self._of)
        guard.__enter__()
        return guard.__exit__(kind, error, traceback)

    async def __aenter__(self):
        return None

    async def __aexit__(self, kind, error, traceback):
        if error is None:
            return False
        self._lane.drop(self._of[0])
        guard = self._method.official.aio(*self._of)
        await guard.__aenter__()
        return await guard.__aexit__(kind, error, traceback)
