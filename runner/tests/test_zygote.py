"""A process that forks containers, with this test in the place of daemon and launcher."""

import os
import socket
import struct
import subprocess
import sys

import pytest
from conftest import RUNNER_DIR, TIMEOUT

# What it serves as; `{more}` runs before.
PROGRAM = """
import os, sys
os.dup2({channel}, 100)
os.dup2(0, 3)
os.dup2(100, 4)
os.closerange(5, 200)
os.environ.update(BIMODAL_STANDBY_FD="4", BIMODAL_ZYGOTE="image")
{more}
from bimodal_runner import standby
standby._preload = standby.rehearsal.play = lambda: None
import random, ssl, tempfile
standby.wait({runner!r})
print(os.getpid(), ssl.RAND_bytes(8).hex(), random.random(), tempfile.mktemp(), sorted(os.listdir("/proc/self/fd")))
print(open("/proc/self/status").read())
"""

INIT = RUNNER_DIR.parent / "bin/bimodal-init"
ALLOW_ALL = struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)  # one sock_filter


class Zygote:
    def __init__(self, more=""):
        self.reports = []
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.settimeout(TIMEOUT)
        program = PROGRAM.format(more=more, runner=str(RUNNER_DIR), channel=theirs.fileno())
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            env=dict(os.environ, PYTHONPATH=str(RUNNER_DIR)),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()

    def answer(self):
        message, fds, _, _ = socket.recv_fds(self.channel, 600, 4)
        return message.decode(), fds

    def order(self):
        """Asks for a container, and lets it through the gate; returns its output and its channel."""
        output, theirs = socket.socketpair()
        channel, container = socket.socketpair()
        gate, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        out = theirs.fileno()
        socket.send_fds(self.channel, [b"fork"], [out, out, out, container.fileno(), inside.fileno()])
        word, (pidfd,) = self.answer()
        assert word == "forked"
        reports, writer = os.pipe()
        program = os.open(INIT, os.O_RDONLY)
        rules = os.memfd_create("rules")
        os.write(rules, ALLOW_ALL)
        socket.send_fds(gate, [b"open"], [program, rules, writer])
        self.reports.append(reports)
        for fd in (pidfd, writer, program, rules):
            os.close(fd)
        for end in (theirs, container, gate, inside):
            end.close()
        for end in (output, channel):
            end.settimeout(TIMEOUT)
        return output, channel

    def close(self):
        self.channel.close()
        self.process.wait(TIMEOUT)
        for fd in self.reports:
            os.close(fd)


@pytest.fixture
def zygote():
    made = []

    def make(**options):
        made.append(Zygote(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def output_of(order):
    output, channel = order
    assert channel.recv(100) == b"ready\n"
    task = b"/\0NAME=value"
    channel.sendall(struct.pack("<I", len(task)) + task)
    assert channel.recv(100) == b"go\n"
    parts = []
    while part := output.recv(1 << 16):
        parts.append(part)
    output.close()
    channel.close()
    return b"".join(parts).decode().splitlines()


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
def test_containers_differ_in_what_must_differ_and_hold_nothing_of_each_other(zygote):
    one = zygote()
    assert one.answer()[0] == "ready"
    first, second = one.order(), one.order()
    first, second = output_of(first), output_of(second)
    for mine, theirs in list(zip(first[0].split(), second[0].split(), strict=True))[1:4]:
        assert mine != theirs
    fds = "['0', '1', '2', '3', '4']"  # the fourth is the list's own
    assert first[0].endswith(fds) and second[0].endswith(fds)
    for line in ("CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"):
        assert line in first and line in second


def test_threads_make_it_unfit(zygote):
    word, _ = zygote(
        more="import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"
    ).answer()
    assert word == "unfit what its image loads at the start has 1 threads of its own\n"


def test_open_files_make_it_unfit(zygote):
    word, _ = zygote(more="kept = open(sys.executable)").answer()
    assert word.startswith("unfit what its image loads at the start keeps ") and word.endswith(" open\n")


LOOP = """
import asyncio, os, threading, types
from bimodal_runner import client_loop

synchronizer = types.SimpleNamespace(_loop=None, _thread=None, _stopping=None, _owner_pid=None)
loop = client_loop.ClientLoop(synchronizer)
seen = []

async def wait_twice(first, second):
    for event in (first, second):
        await event.wait()
        seen.append(threading.current_thread().name)

first, second = asyncio.Event(), asyncio.Event()
waiting = asyncio.run_coroutine_threadsafe(wait_twice(first, second), synchronizer._loop)
synchronizer._loop.call_soon_threadsafe(first.set)
while not seen:
    pass
loop.pause()
assert len(os.listdir("/proc/self/task")) == 1, "its thread has ended"
assert client_loop.open_loops() == [synchronizer._loop]
numbers = client_loop.descriptors_of(synchronizer._loop)
for number in numbers:  # as a fork does
    os.close(number)
client_loop.renew([synchronizer._loop])
loop.go_on()
synchronizer._loop.call_soon_threadsafe(second.set)
waiting.result({timeout})
hanging = asyncio.run_coroutine_threadsafe(asyncio.sleep(1e6), synchronizer._loop)
synchronizer._loop.call_soon_threadsafe(synchronizer._stopping.set)
synchronizer._thread.join({timeout})
print(seen, hanging.cancelled(), synchronizer._loop.is_closed(), synchronizer._owner_pid == os.getpid())
"""


def test_the_clients_loop_goes_on_in_another_thread_with_descriptors_of_its_own_and_ends_what_it_runs():
    done = subprocess.run(
        [sys.executable, "-c", LOOP.format(timeout=TIMEOUT)],
        env=dict(os.environ, PYTHONPATH=str(RUNNER_DIR)),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert done.stdout == "['client', 'client'] True True True\n", done.stdout + done.stderr
