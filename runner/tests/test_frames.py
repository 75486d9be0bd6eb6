"""A container's unary calls as frames, of the real client, to a server that speaks nothing else."""

import os
import socket
import struct
import subprocess
import sys
import threading

import pytest
from modal_proto import api_pb2
from paths import RUNNER_DIR, TIMEOUT

PROGRAM = """
import modal
from modal.client import Client
from modal_proto import api_pb2
import os, sys

with Client(os.environ["MODAL_SERVER_URL"], api_pb2.CLIENT_TYPE_CONTAINER, None) as client:
    try:
        client.hello()
        print("answered")
    except modal.exception.Error as error:
        print(f"{type(error).__name__}: {error}")
"""
NOT_FOUND = 5


class Server:
    """Answers each call with what `answers` has next: (status, payload), or None to hang up."""

    def __init__(self, path, *answers):
        self.calls = []  # (version, path, idempotency key)
        self._answers = list(answers)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        stream = connection.makefile("rwb")
        if stream.read(4) != b"BMF1":  # gRPC, which the client opens and has no use for
            return
        version = stream.read(stream.read(1)[0]).decode()
        while head := stream.read(4):
            body = stream.read(int.from_bytes(head, "little"))
            (number,) = struct.unpack_from("<I", body)
            size = body[5]
            path, rest = body[6 : 6 + size].decode(), body[6 + size :]
            self.calls.append((version, path, rest[1 : 1 + rest[0]].decode()))
            answer = self._answers.pop(0)
            if answer is None:
                connection.shutdown(socket.SHUT_RDWR)
                return
            status, payload = answer
            stream.write(struct.pack("<IIB", 5 + len(payload), number, status) + payload)
            stream.flush()


def run(path, **environment):
    environment = dict(
        os.environ,
        MODAL_SERVER_URL=f"unix://{path}",
        MODAL_IS_REMOTE="1",
        MODAL_TASK_ID="ta-test",
        PYTHONPATH=str(RUNNER_DIR),
        PYTHONDONTWRITEBYTECODE="1",
        BIMODAL_LISTEN_FD="0",  # as in a container: the hook looks at it
        **environment,
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=TIMEOUT
    )
    return done.stdout + done.stderr


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "api.sock")


def test_a_call_is_answered(path):
    server = Server(path, (0, api_pb2.ClientHelloResponse().SerializeToString()))
    assert run(path, BIMODAL_CALLS="frames") == "answered\n"
    ((version, rpc, key),) = server.calls
    assert version and rpc == "/modal.client.ModalClient/ClientHello" and key


def test_a_status_becomes_the_clients_own_exception(path):
    Server(path, (NOT_FOUND, b"no such thing"))
    assert run(path, BIMODAL_CALLS="frames") == "NotFoundError: no such thing\n"


def test_a_call_goes_on_after_a_broken_connection(path):
    server = Server(path, None, (0, b""))
    assert run(path, BIMODAL_CALLS="frames") == "answered\n"
    first, second = (key for _, _, key in server.calls)
    assert first == second, "it is the same call"
