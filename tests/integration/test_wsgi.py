"""A WSGI function behind the gateway: threads, streams both ways, and a failure."""

import json
import threading

import pytest
from support.apps import write

APP = """
import json
import threading

import modal

app = modal.App("wsgi")
meeting = threading.Barrier(4)


@app.function()
@modal.concurrent(max_inputs=4)
@modal.wsgi_app()
def serve():
    def answer(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/fail":
            raise ValueError("no answer")
        start_response("200 OK", [("content-type", "text/plain")])
        if path == "/meet":
            meeting.wait(10)
            yield modal.current_input_id().encode()
        elif path == "/count":
            yield json.dumps(sum(len(part) for part in iter(lambda: environ["wsgi.input"].read(65536), b""))).encode()
        elif path == "/half":
            yield b"half"
            raise ValueError("after the head")
        else:
            yield environ["HTTP_HOST"].encode()

    return answer
"""


@pytest.fixture(scope="module")
def url(daemon, tmp_path_factory):
    (url,) = daemon.deploy(write(tmp_path_factory.mktemp("wsgi"), APP))
    daemon.get(url)
    return url


def test_concurrent_requests_meet_in_one_container(daemon, url):
    ids = []
    callers = [threading.Thread(target=lambda: ids.append(daemon.get(url + "/meet").text)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(set(ids)) == 4 and all(one.startswith("in-") for one in ids)


def test_a_chunked_upload_is_read_to_its_end(daemon, url):
    def chunks():
        for _ in range(40):
            yield bytes(100_000)

    assert json.loads(daemon.post(url + "/count", content=chunks()).text) == 4_000_000


def test_failures_before_and_after_the_head(daemon, url):
    answer = daemon.get(url + "/fail")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    with pytest.raises(Exception, match="incomplete|peer closed"):
        daemon.get(url + "/half")
    assert daemon.get(url).status_code == 200
