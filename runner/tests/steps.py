"""Steps that several tests take."""

import json
import time

from gateway import PING, PONG


def wait_until(condition, what):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def begin_and_run(gateway, *args, **kwargs):
    """Begins a request and returns its stream once the application runs: the answer to a ping comes behind that."""
    stream = gateway.begin(*args, **kwargs)
    gateway.send_frame(PING)
    gateway.expect(PONG)
    return stream


def scope_of(host, *args, **kwargs):
    return json.loads(host.connect().request(*args, **kwargs).body)
