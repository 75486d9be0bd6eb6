"""WSGI applications that the runner's tests serve."""

import ctypes
import io
import json
import os
import sys
import threading
import time
from wsgiref.validate import validator

import apps

HEADERS = [("content-type", "text/plain")]


def hello(environ, start_response):
    start_response("200 OK", [*HEADERS, ("content-length", "13")])
    return [b"Hello, world!"]


def keep_the_interpreter(environ, start_response):
    """Answers at once; with a query only when the fifo of that name was opened and closed, and no other thread runs until then."""
    if path := environ["QUERY_STRING"]:
        libc = ctypes.PyDLL(None)
        fifo = libc.open(path.encode(), os.O_RDONLY)
        libc.read(fifo, ctypes.create_string_buffer(1), 1)
        os.close(fifo)
    return hello(environ, start_response)


def large_or_keep(environ, start_response):
    """As many bytes as the query says, or as keep_the_interpreter."""
    if not environ["QUERY_STRING"].isdigit():
        return keep_the_interpreter(environ, start_response)
    size = environ["QUERY_STRING"]
    start_response("200 OK", [*HEADERS, ("content-length", size)])
    return [b"x" * int(size)]


def show_environ(environ, start_response):
    start_response("200 OK", HEADERS)
    shown = {name: value for name, value in environ.items() if isinstance(value, (str, tuple, bool, int))}
    return [json.dumps(shown).encode()]


def show_ids(environ, start_response):
    start_response("200 OK", HEADERS)
    thread = threading.current_thread()
    return [json.dumps([apps.input_id.get(), apps.function_call_id.get(), thread.daemon]).encode()]


def echo(environ, start_response):
    """Answers with the body as it comes."""
    start_response("200 OK", [])
    while part := environ["wsgi.input"].read1():
        yield part


def read_ways(environ, start_response):
    body = environ["wsgi.input"]
    parts = [body.readline(), body.read(3), body.readline(2), body.readlines(), body.read(), body.readline()]
    start_response("200 OK", HEADERS)
    return [json.dumps([part.decode() if isinstance(part, bytes) else len(part) for part in parts]).encode()]


def count_lines(environ, start_response):
    size = count = 0
    for line in environ["wsgi.input"]:
        size += len(line)
        count += 1
    start_response("200 OK", HEADERS)
    return [json.dumps([size, count]).encode()]


def written(environ, start_response):
    write = start_response("200 OK", HEADERS)
    write(b"by write;")
    return [b"", b"by ", b"return"]


def early(environ, start_response):
    start_response("413 Content Too Large", HEADERS)
    return [b"no need"]


class Closing:
    def __init__(self, parts):
        self._parts = iter(parts)

    def __iter__(self):
        return self

    def __next__(self):
        part = next(self._parts)
        if isinstance(part, Exception):
            raise part
        return part

    def close(self):
        print("closed", flush=True)


def closing(environ, start_response):
    start_response("200 OK", HEADERS)
    return Closing([b"one", b"two"])


def said_length(environ, start_response):
    """Says a length, and gives what the query asks for."""
    start_response("200 OK", [*HEADERS, ("Content-Length", "5")])
    return Closing(part.encode() for part in environ["QUERY_STRING"].split("+"))


def fail_in_the_middle(environ, start_response):
    start_response("200 OK", HEADERS)
    return Closing([b"one", ValueError("in the middle")])


def fail_before(environ, start_response):
    start_response("200 OK", HEADERS)
    return Closing([ValueError("before\nthe start")])


def fail_at_once(environ, start_response):
    raise ValueError("at once")


def replaced_head(environ, start_response):
    """An error page instead of a response of which nothing was sent."""
    start_response("200 OK", [("x-first", "1")])
    try:
        raise ValueError("replaced")
    except ValueError:
        start_response("503 Service Unavailable", HEADERS, sys.exc_info())
    return [b"error page"]


def too_late_for_another_head(environ, start_response):
    write = start_response("200 OK", [])
    write(b"part")
    try:
        raise ValueError("too late")
    except ValueError:
        start_response("503 Service Unavailable", HEADERS, sys.exc_info())
    return [b"never sent"]


def started_twice(environ, start_response):
    start_response("200 OK", [])
    start_response("200 OK", [])
    return []


def never_started(environ, start_response):
    return [b"what?"]


def text_body(environ, start_response):
    start_response("200 OK", [])
    return ["text"]


def bad_status(environ, start_response):
    start_response("fine", [])
    return []


def empty(environ, start_response):
    start_response("204 No Content", [])
    return []


def stream_for_ever(environ, start_response):
    start_response("200 OK", [])
    sent = 0
    try:
        while True:
            yield bytes(16 * 1024)
            sent += 16
    finally:
        print("sent KiB", sent, flush=True)


def file(environ, start_response):
    start_response("200 OK", [])
    return environ["wsgi.file_wrapper"](io.BytesIO(bytes(range(256)) * 1024), 4096)


meeting = threading.Barrier(20)


def meet(environ, start_response):
    """Answers when 20 requests are here at once."""
    meeting.wait(10)
    start_response("200 OK", [])
    return [b"met"]


def spin(environ, start_response):
    """Works for ever in Python's own code."""
    print("spinning", flush=True)
    try:
        while True:
            time.sleep(0.01)
    finally:
        print("stopped", flush=True)


def leave(environ, start_response):
    raise SystemExit(3)


def _simple(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", HEADERS)
    return [body]


validated = validator(_simple)


def die(environ, start_response):
    os._exit(0)
