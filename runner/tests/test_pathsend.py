"""The ASGI extension http.response.pathsend: files that the runner reads itself."""

import os

import pytest
from gateway import ABORT, BODY, CALLER_GONE, CANCEL, CREDIT, DONE, INITIAL_CREDIT, RESPONSE
from steps import wait_until


def written(tmp_path, size):
    file = tmp_path / "file"
    file.write_bytes(os.urandom(size))
    return file


@pytest.mark.parametrize("size", [0, 1, 65_536, 300_000, 5_000_000])
@pytest.mark.parametrize("path", [b"/", b"/object"])
def test_a_file_arrives_whole(serve, tmp_path, size, path):
    file = written(tmp_path, size)
    answer = serve("send_path").connect().request(path=path, query=str(file).encode())
    assert (answer.status, answer.body, answer.complete) == (200, file.read_bytes(), True)


def test_it_waits_for_credit_and_reads_no_further(serve, tmp_path):
    file = written(tmp_path, 10 * INITIAL_CREDIT)
    host = serve("send_path")
    gateway = host.connect()
    stream = gateway.begin(query=str(file).encode())
    received = 0
    while received < INITIAL_CREDIT:
        frame = gateway.frame_of(stream)
        assert frame.type in (RESPONSE, BODY)
        received += len(frame.payload) - (frame.extra if frame.type == RESPONSE else 0)
    assert received == INITIAL_CREDIT
    (position,) = positions(host.process.pid, file)
    assert position == INITIAL_CREDIT
    gateway.send_frame(CREDIT, stream, extra=100)
    assert len(gateway.expect(BODY, stream).payload) == 100
    gateway.send_frame(CANCEL, stream, extra=CALLER_GONE)
    gateway.expect(DONE, stream)
    wait_until(lambda: not positions(host.process.pid, file), "the file is closed")


def positions(pid, file):
    """Where the process stands in its descriptors of that file."""
    found = []
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        try:
            if os.readlink(f"/proc/{pid}/fd/{descriptor}") == str(file):
                lines = open(f"/proc/{pid}/fdinfo/{descriptor}").read().split()
                found.append(int(lines[1]))
        except FileNotFoundError:
            pass  # closed meanwhile
    return found


def test_a_head_request_gets_no_body(serve, tmp_path):
    file = written(tmp_path, 1000)
    answer = serve("send_path").connect().request(b"HEAD", query=str(file).encode())
    assert (answer.body, answer.complete) == (b"", True)


def test_trailers_come_behind_the_file(serve, tmp_path):
    file = written(tmp_path, 1000)
    answer = serve("send_path").connect().request(path=b"/trailers", query=str(file).encode())
    assert (answer.body, answer.trailers) == (file.read_bytes(), [(b"x-last", b"1")])


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/nowhere/file", "FileNotFoundError: "),
        ("/tmp", "ValueError: http.response.pathsend needs a regular file"),
        ("/dev/zero", "ValueError: http.response.pathsend needs a regular file"),
        ("etc/passwd", "ValueError: http.response.pathsend needs an absolute path"),
        ("", "ValueError: http.response.pathsend needs an absolute path"),
    ],
)
def test_what_is_no_file_is_an_error_of_the_send(serve, path, error):
    answer = serve("send_path").connect().request(query=path.encode())
    assert answer.body.decode().startswith(error)


def test_a_file_that_becomes_shorter_breaks_the_response_off(serve, tmp_path):
    file = written(tmp_path, 2 * INITIAL_CREDIT)
    gateway = serve("send_path").connect()
    stream = gateway.begin(query=str(file).encode())
    received = 0
    while received < INITIAL_CREDIT:
        frame = gateway.frame_of(stream)
        received += len(frame.payload) - (frame.extra if frame.type == RESPONSE else 0)
    os.truncate(file, 1000)
    gateway.send_frame(CREDIT, stream, extra=INITIAL_CREDIT)
    assert b"became shorter" in gateway.expect(ABORT, stream).payload
    gateway.expect(DONE, stream)
