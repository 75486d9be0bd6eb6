"""Replaces the client's asgi_app_wrapper, through which web functions of every kind pass.

The replacement answers a scope {"type": "seat"} by serving requests natively until told to stop, and leaves every
other scope to the client's own code. Import, lifecycle methods and lifespan stay the client's business. If the
client isn't built as we know it, nothing is replaced: its own web path works, only slower.
"""

import contextvars
import sys

from . import web_server


class _Unknown(Exception):
    """The client's internals differ from those that this runner knows."""


def install(asgi):
    """Replaces asgi.asgi_app_wrapper, or says on stderr why not. `asgi` is the module modal._runtime.asgi."""
    try:
        seat = _make_seat(asgi)
    except Exception as error:
        print(f"bimodal: web requests take the client's own path: {error}", file=sys.stderr)
        return
    official, official_wsgi = asgi.asgi_app_wrapper, asgi.wsgi_app_wrapper
    adapted = []  # the WSGI application that the client is putting into an ASGI one

    def asgi_app_wrapper(asgi_app, container_io_manager):
        answer, lifespan_manager = official(asgi_app, container_io_manager)
        if adapted:
            seat.mount_wsgi(_web_method(), adapted[0])
        else:
            seat.mount(_web_method(), asgi_app, lifespan_manager.state)

        def answer_or_serve(scope):
            return seat.occupy() if scope.get("type") == "seat" else answer(scope)

        return answer_or_serve, lifespan_manager

    def wsgi_app_wrapper(wsgi_app, container_io_manager):
        adapted.append(wsgi_app)
        try:
            return official_wsgi(wsgi_app, container_io_manager)
        finally:
            adapted.clear()

    asgi.asgi_app_wrapper = asgi_app_wrapper
    asgi.wsgi_app_wrapper = wsgi_app_wrapper
    asgi.wait_for_web_server = web_server.wait
    asgi.web_server_proxy = web_server.unproxied(asgi.web_server_proxy)


def _make_seat(asgi):
    from modal._runtime import execution_context

    expect_parameters(asgi.asgi_app_wrapper, "asgi_app", "container_io_manager")
    expect_parameters(asgi.wsgi_app_wrapper, "wsgi_app", "container_io_manager")
    expect_parameters(asgi.web_server_proxy, "host", "port")
    expect_parameters(asgi.wait_for_web_server, "host", "port")
    expect_parameters(asgi.LifespanManager.__init__, "self", "asgi_app", "state")
    # pylint: disable=protected-access
    input_id, function_call_id = execution_context._current_input_id, execution_context._current_function_call_id
    if contextvars.copy_context().run(_ids_after_setting, execution_context, input_id, function_call_id) != (
        "in-",
        "fc-",
    ):
        raise _Unknown("modal.current_input_id() doesn't follow its context variable")

    from .seat import Seat

    return Seat(input_id, function_call_id, execution_context._current_attempt_token)


def expect_parameters(function, *names):
    code = function.__code__
    if code.co_varnames[: code.co_argcount] != names:
        raise _Unknown(f"{function.__qualname__} takes other parameters than {', '.join(names)}")


def _ids_after_setting(execution_context, input_id, function_call_id):
    input_id.set("in-")
    function_call_id.set("fc-")
    return execution_context.current_input_id(), execution_context.current_function_call_id()


def _web_method():
    """The method of the user's class for which the client is calling asgi_app_wrapper; "" for a function.

    The client doesn't pass it on, but its loop over the methods is among our callers.
    """
    frame = sys._getframe(2)
    for _ in range(8):
        if frame is None:
            break
        if frame.f_code.co_name == "get_finalized_functions":
            return frame.f_locals.get("method_name", "")
        frame = frame.f_back
    return ""
