"""The load generator: what it counts, what voids a run, and that a server's stall can't hide behind it."""

import contextlib
import json
import socket
import subprocess
import threading
import time

from support.paths import BIMODAL

PROGRAM = BIMODAL.parents[1] / "benchmarks/load_generator"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STALL_S = 0.3


@contextlib.contextmanager
def server(answer=OK, stall_at: int | None = None):
    """Its port. One thread a connection; the request of that number, of all, holds up everything for STALL_S."""
    lock, count, members = threading.Lock(), [0], []

    def serve(connection: socket.socket):
        with contextlib.suppress(OSError):
            waiting = b""
            while data := connection.recv(1 << 16):
                waiting += data
                while b"\r\n\r\n" in waiting:
                    waiting = waiting.partition(b"\r\n\r\n")[2]
                    with lock:
                        count[0] += 1
                        if count[0] == stall_at:
                            time.sleep(STALL_S)
                    connection.sendall(answer)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                members.append(connection)
                threading.Thread(target=serve, args=[connection], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
    for one in members:
        one.close()


def run(port: int, *options) -> subprocess.CompletedProcess:
    words = [PROGRAM, port, "--seconds", 0.6, "--connections", 2, *options]
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=30)


def test_a_stall_delays_every_request_that_was_due_in_it():
    with server(stall_at=50) as port:
        told = json.loads(run(port, "--rate", 400).stdout)
    # Half of the requests were due in the stall, though two connections can have sent but two of them.
    assert told["answers"] > 120
    assert told["max_us"] >= STALL_S * 0.95e6
    assert told["p99_us"] >= STALL_S * 0.8e6


def test_answers_are_counted_and_timed(tmp_path):
    body = tmp_path / "expected"
    body.write_bytes(b"ok")
    with server() as port:
        told = json.loads(run(port, "--expect", body, "--header", "Accept: */*").stdout)
    assert told["answers"] > 10
    assert 0 < told["busy"] <= 1.05
    assert told["p50_us"] <= told["p99_us"] <= told["max_us"]


def test_another_body_voids_the_run(tmp_path):
    body = tmp_path / "expected"
    body.write_bytes(b"no")
    with server() as port:
        done = run(port, "--expect", body)
    assert (done.returncode, done.stderr.strip()) == (1, "void: another body: ok")


def test_an_error_voids_the_run():
    with server(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n") as port:
        done = run(port)
    assert done.returncode == 1
    assert "void: answered HTTP/1.1 503" in done.stderr


def test_chunked_answers_are_put_together(tmp_path):
    body = tmp_path / "expected"
    body.write_bytes(b"hello world")
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n"
    with server(chunked) as port:
        done = run(port, "--expect", body)
    assert done.returncode == 0, done.stderr
