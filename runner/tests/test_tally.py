"""The runner's tally: what a gateway learns of a runner that has died."""

import array
import mmap
import os
import signal
import socket

import pytest
from gateway import PING, PONG, TALLY, encode_frame, encode_request

HEADER = 16
REQUEST = HEADER + len(encode_request())


def open_tally(gateway):
    """Sends Tally and returns a function that says how many bytes were handled."""
    descriptor = os.memfd_create("tally")
    os.ftruncate(descriptor, mmap.PAGESIZE)
    page = mmap.mmap(descriptor, mmap.PAGESIZE)
    brings = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
    gateway.socket.sendmsg([encode_frame(TALLY)], brings)
    os.close(descriptor)
    return lambda: int.from_bytes(page[:8], "little")


def test_it_counts_whole_frames(serve):
    gateway = serve("hello").connect()
    handled = open_tally(gateway)
    assert gateway.request().body == b"Hello, world!"
    assert handled() == HEADER + REQUEST
    ping = encode_frame(PING, extra=1)
    gateway.socket.sendall(ping + ping[:7])
    gateway.expect(PONG)
    assert handled() == 2 * HEADER + REQUEST
    gateway.socket.sendall(ping[7:])
    gateway.expect(PONG)
    assert handled() == 3 * HEADER + REQUEST


@pytest.mark.parametrize("app", ["die", "wsgi:die"])
def test_a_request_counts_before_its_application_can_end_the_process(serve, app):
    host = serve(app)
    gateway = host.connect()
    handled = open_tally(gateway)
    gateway.begin()
    with pytest.raises((EOFError, ConnectionError)):
        gateway.read_frame()
    assert handled() == HEADER + REQUEST
    host.process.wait(10)


def test_what_a_killed_runner_had_not_read_does_not_count(serve):
    host = serve("hello")
    gateway = host.connect()
    handled = open_tally(gateway)
    gateway.request()
    host.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, host.process.pid, os.WSTOPPED)
    gateway.begin()
    host.process.kill()
    with pytest.raises((EOFError, ConnectionError)):
        gateway.read_frame()
    assert handled() == HEADER + REQUEST


def test_a_tally_without_its_page_ends_the_connection(serve):
    host = serve("hello")
    gateway = host.connect()
    gateway.send_frame(TALLY)
    with pytest.raises((EOFError, ConnectionError)):
        gateway.read_frame()
    assert host.connect().request().status == 200
