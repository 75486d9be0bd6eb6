"""A control plane for tests: the few RPCs that a container of the official client needs, on a Unix socket."""

import asyncio
import inspect
import pickle
import queue
import threading

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from grpclib.server import Server
from modal_proto import api_grpc, api_pb2

FUNCTION_ID, IMAGE_ID, CLASS_ID = "fu-test", "im-test", "cs-test"
WEBHOOK = {
    "plain": api_pb2.WEBHOOK_TYPE_ASGI_APP,
    "broken": api_pb2.WEBHOOK_TYPE_ASGI_APP,
    "first": api_pb2.WEBHOOK_TYPE_ASGI_APP,
    "endpoint": api_pb2.WEBHOOK_TYPE_FUNCTION,
    "second": api_pb2.WEBHOOK_TYPE_FUNCTION,
    "wsgi": api_pb2.WEBHOOK_TYPE_WSGI_APP,
}
TYPES = dict.fromkeys(("numbers", "numbers_later"), api_pb2.Function.FUNCTION_TYPE_GENERATOR)


def container_arguments(function, methods=(), max_concurrent_inputs=0):
    """For a function of container_app.py, or for a class when `methods` names its web methods."""
    definition = api_pb2.Function(
        module_name="container_app",
        function_name=f"{function}.*" if methods else function,
        function_type=TYPES.get(function, api_pb2.Function.FUNCTION_TYPE_FUNCTION),
        definition_type=api_pb2.Function.DEFINITION_TYPE_FILE,
        is_class=bool(methods),
        max_concurrent_inputs=max_concurrent_inputs,
        object_dependencies=[api_pb2.ObjectDependency(object_id=IMAGE_ID)],
    )
    layout = api_pb2.AppLayout(
        objects=[
            api_pb2.Object(object_id=IMAGE_ID),
            api_pb2.Object(
                object_id=FUNCTION_ID,
                function_handle_metadata=api_pb2.FunctionHandleMetadata(function_name=definition.function_name),
            ),
        ],
        function_ids={definition.function_name: FUNCTION_ID},
    )
    for method in methods:
        definition.method_definitions[method].function_name = f"{function}.{method}"
        definition.method_definitions[method].webhook_config.CopyFrom(_webhook(method))
    if methods:
        definition.method_definitions_set = True
        layout.class_ids[function] = CLASS_ID
        layout.objects.append(api_pb2.Object(object_id=CLASS_ID, class_handle_metadata=api_pb2.ClassHandleMetadata()))
    elif function in WEBHOOK:
        definition.webhook_config.CopyFrom(_webhook(function))
    return api_pb2.ContainerArguments(
        task_id="ta-test", function_id=FUNCTION_ID, app_id="ap-test", function_def=definition, app_layout=layout
    )


def _webhook(name):
    return api_pb2.WebhookConfig(type=WEBHOOK[name], method="GET")


def seat_input(method="", name="seat"):
    """The artificial input that occupies the container while the runner serves."""
    return _input(name, ({"type": "seat"},), method)


def http_input():
    """A request as the client's own web path gets it; its body comes by FunctionCallGetDataIn."""
    scope = {"type": "http", "method": "GET", "path": "/official", "query_string": b"", "headers": []}
    return _input("http", (scope,), "")


def plain_input(name, *arguments):
    return _input(name, arguments, "")


def _input(name, arguments, method):
    item = api_pb2.FunctionGetInputsItem(input_id=f"in-{name}", function_call_id=f"fc-{name}")
    item.input.args = pickle.dumps((arguments, {}), protocol=4)
    item.input.data_format = api_pb2.DATA_FORMAT_PICKLE
    if method:
        item.input.method_name = method
    return item


def kill_switch():
    return api_pb2.FunctionGetInputsItem(kill_switch=True)


class Control:
    """Runs in a thread of its own. Give inputs with give(); read `calls`, and take outputs with outputs.get()."""

    def __init__(self, path):
        self.calls = []  # names, in order
        self.task_results = []
        self.data_out = []  # Asgi messages of the client's own web path
        self.items = []  # pickled ones, of generators
        self.cancelled = asyncio.Queue()  # ids of inputs that are to end; "" for an answer without one
        self.heartbeats = queue.Queue()
        self.outputs = queue.Queue()
        self._inputs = asyncio.Queue()
        self._loop = asyncio.new_event_loop()
        self._server = None
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(path, started), daemon=True)
        self._thread.start()
        assert started.wait(10)

    def _run(self, path, started):
        asyncio.set_event_loop(self._loop)

        async def serve():
            self._server = Server([_make_servicer(self)])
            await self._server.start(path=path)
            started.set()
            await self._server.wait_closed()

        self._loop.run_until_complete(serve())

    def give(self, item):
        self._loop.call_soon_threadsafe(self._inputs.put_nowait, item)

    def cancel(self, input_id):
        self._loop.call_soon_threadsafe(self.cancelled.put_nowait, input_id)

    def close(self):
        self._loop.call_soon_threadsafe(self._server.close)
        self._thread.join(10)

    async def ContainerHello(self, request):
        return Empty()

    async def ContainerHeartbeat(self, request):
        self.heartbeats.put(request)
        input_id = await self.cancelled.get()
        event = api_pb2.CancelInputEvent(input_ids=[input_id] if input_id else [])
        return api_pb2.ContainerHeartbeatResponse(cancel_input_event=event)

    async def FunctionGetInputs(self, request):
        return api_pb2.FunctionGetInputsResponse(inputs=[await self._inputs.get()])

    async def FunctionPutOutputs(self, request):
        for output in request.outputs:
            self.outputs.put(output)
        return Empty()

    async def FunctionCallGetDataIn(self, request):
        message = api_pb2.Asgi(http_request=api_pb2.Asgi.HttpRequest())
        return api_pb2.DataChunk(index=1, data_format=api_pb2.DATA_FORMAT_ASGI, data=message.SerializeToString())

    async def FunctionCallPutDataOut(self, request):
        for chunk in request.data_chunks:
            if chunk.data_format == api_pb2.DATA_FORMAT_ASGI:
                self.data_out.append(api_pb2.Asgi.FromString(chunk.data))
            else:
                self.items.append(pickle.loads(chunk.data))
        return Empty()

    async def TaskResult(self, request):
        self.task_results.append(request.result)
        return Empty()


def _make_servicer(control):
    """An instance of the generated base class whose methods lead to those of `control`, or to UNIMPLEMENTED."""

    def method(name):
        async def answer(self, stream):
            control.calls.append(name)
            handler = getattr(control, name, None)
            if handler is None:
                raise GRPCError(Status.UNIMPLEMENTED, name)
            await stream.send_message(await handler(await stream.recv_message()))
            if name == "FunctionCallGetDataIn":
                await asyncio.Event().wait()  # open until the client cancels it

        return answer

    names = [name for name, _ in inspect.getmembers(api_grpc.ModalClientBase, inspect.isfunction) if name[0] != "_"]
    return type("Servicer", (api_grpc.ModalClientBase,), {name: method(name) for name in names})()
