"""Memory, CPU and process limits, and the network."""

import socket

from support.waiting import eventually

OUT_OF_MEMORY = "modal-http: internal error: function was terminated by signal (out of memory)"


def test_memory_beyond_the_limit_ends_the_container_and_only_that(daemon, inside, inside_limited):
    assert inside_limited.result("result = 1") == 1
    answer = inside_limited.answer("result = len(bytearray(400 << 20))")
    assert answer.status_code == 500
    assert answer.text == OUT_OF_MEMORY
    assert answer.headers["bimodal-error"] == "out-of-memory"
    eventually(lambda: "out of memory" in daemon.bimodal("logs", "probe").output, 20, "the reason in the app's logs")
    assert inside.result("result = 1") == 1
    eventually(lambda: inside_limited.answer("result = 2").status_code == 200, 60, "a new container")


def test_memory_below_the_limit_is_there(inside_limited):
    assert inside_limited.result("result = len(bytearray(64 << 20))") == 64 << 20


def test_cpu_is_held_to_its_limit(inside_limited):
    code = """
import os, time
began, used = time.monotonic(), time.process_time()
while time.monotonic() - began < 2:
    pass
result = (time.process_time() - used) / (time.monotonic() - began)
"""
    assert inside_limited.result(code) < 0.75


def test_processes_are_bounded(inside):
    code = """
import os, signal
children, stopped = [], ''
try:
    for _ in range(20000):
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
except OSError as why:
    stopped = why.__class__.__name__
for child in children:
    os.kill(child, signal.SIGKILL)
for child in children:
    os.waitpid(child, 0)
result = [stopped, len(children)]
"""
    stopped, count = inside.result(code)
    assert stopped == "BlockingIOError"
    assert count < 5000


def test_the_host_s_own_services_are_out_of_reach(daemon, inside):
    """An address of the host on which only the host should find somebody."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        code = f"""
import socket, struct
gateways = [line.split()[2] for line in open('/proc/net/route')][1:]
hosts = ['127.0.0.1'] + [socket.inet_ntoa(struct.pack('<I', int(g, 16))) for g in gateways if int(g, 16)]
result = []
for host in hosts:
    try:
        socket.create_connection((host, {port}), timeout=2).close()
        result.append(host)
    except OSError:
        pass
"""
        assert inside.result(code) == []


def test_it_has_an_interface_with_an_address(inside):
    code = """
import fcntl, socket, struct
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
SIOCGIFADDR = 0x8915
result = socket.inet_ntoa(fcntl.ioctl(sock, SIOCGIFADDR, struct.pack('256s', b'eth0'))[20:24])
"""
    assert inside.result(code).count(".") == 3


def test_block_network_leaves_no_way_out(inside_offline):
    code = """
import socket
try:
    socket.create_connection(('192.0.2.1', 80), timeout=2)
    result = 'connected'
except OSError as why:
    result = why.__class__.__name__ + ' ' + str(why.errno)
"""
    outcome = inside_offline.result(code)
    assert outcome != "connected" and "TimeoutError" not in outcome, outcome
