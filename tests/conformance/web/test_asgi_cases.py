"""What an ASGI application sees, and what its caller gets, by either path."""

import hashlib
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from support.waiting import eventually

APP = Path(__file__).parent / "apps" / "asgi_cases.py"


@pytest.fixture(scope="module")
def urls(daemon):
    return daemon.deploy(APP)


@pytest.fixture
def url(urls, path):
    return next(url for url in urls if f"asgi-cases-{path}" in url)


@pytest.fixture
def stubborn(urls, path):
    return next(url for url in urls if f"stubborn-{path}" in url)


def raw_answer(daemon, url, request: bytes) -> bytes:
    """All that comes until the connection is closed."""
    host = urlsplit(url).netloc.encode()
    with socket.create_connection(("127.0.0.1", int(daemon.info["web"].rpartition(":")[2])), timeout=60) as connection:
        connection.sendall(request.replace(b"HOST", host))
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_the_scope_is_as_servers_make_it(daemon, url, path):
    scope = daemon.post(url + "/caf%C3%A9/%2F?a=%20&b=1", content=b"x", headers={"X-Odd": "1"}).json()
    assert scope["type"] == "http"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.3"}
    assert (scope["http_version"], scope["method"], scope["scheme"], scope["root_path"]) == ("1.1", "POST", "http", "")
    assert (scope["path"], scope["raw_path"]) == ("/café//", {"bytes": "/caf%C3%A9/%2F"})
    assert scope["query_string"] == {"bytes": "a=%20&b=1"}
    assert {"tuple": [{"bytes": "x-odd"}, {"bytes": "1"}]} in scope["headers"]
    assert scope["client"]["tuple"][0] == "127.0.0.1" and scope["client"]["tuple"][1] > 0
    assert scope["server"] == {"tuple": ["127.0.0.1", int(daemon.info["web"].rpartition(":")[2])]}
    files = {"http.response.pathsend": {}} if path == "takeover" else {}  # the client has no message for it
    assert scope["extensions"] == {"http.response.trailers": {}, **files}


def test_the_ids_are_those_of_the_request(daemon, url):
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: httpx_get(daemon, url + "/ids"), range(10)))
    shown = [answer.json() for answer in answers]
    assert all(re.fullmatch(r"in-\w{26}", input_id) for input_id, _ in shown)
    assert all(call_id == "fc-" + input_id[3:] for input_id, call_id in shown)
    assert len({input_id for input_id, _ in shown}) == 10


def test_lifespan_state_is_copied_for_each_request(daemon, url):
    for _ in range(2):
        assert daemon.get(url + "/state").json() == [1, True, "lifespan"]


@pytest.mark.parametrize("size", [0, 1, 65_537, 3 << 20])
def test_a_body_arrives_whole(daemon, url, size):
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    expected = [size, hashlib.sha256(body).hexdigest()]
    assert daemon.post(url + "/digest", content=body).json() == expected
    pieces = (body[at : at + 100_000] for at in range(0, len(body), 100_000))
    assert daemon.post(url + "/digest", content=pieces).json() == expected


def test_a_response_in_chunks_arrives_whole(daemon, url):
    body = daemon.get(url + "/chunks?300,10000").content
    assert body == b"".join(bytes([i % 256]) * 10_000 for i in range(300))


def test_each_event_reaches_the_caller_as_it_is_sent(daemon, url):
    httpx_get(daemon, url + "/tick")  # an answer begins with its first piece of body
    with daemon.web.stream("GET", url + "/ticks") as answer:
        lines = answer.iter_lines()
        for i in range(3):
            assert next(line for line in lines if line) == f"data: {i}"
            httpx_get(daemon, url + "/tick")


@pytest.mark.parametrize("size", [3 << 20, 45 << 20])
def test_one_large_piece_of_body_arrives_whole(daemon, url, size):
    assert len(daemon.get(url + f"/one_body?{size}").content) == size


def test_status_and_repeated_headers_pass(daemon, url):
    answer = daemon.get(url + "/status?418")
    assert answer.status_code == 418
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert (b"x-odd", b"\xe9") in answer.headers.raw
    assert answer.text == "done"
    assert daemon.get(url + "/status?204").content == b""


def test_head_has_no_body(daemon, url):
    answer = daemon.web.request("HEAD", url + "/status?200")
    assert (answer.status_code, answer.content) == (200, b"")
    assert daemon.get(url + "/status?200").text == "done"


def test_trailers_come_behind_the_body(daemon, url):
    request = b"GET /trailers HTTP/1.1\r\nHost: HOST\r\nTE: trailers\r\nConnection: close\r\n\r\n"
    head, _, rest = raw_answer(daemon, url, request).partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower()
    assert rest.endswith(b"0\r\nx-sum: 42\r\n\r\n")


def test_an_exception_before_the_response_is_a_500_without_its_text(daemon, url):
    answer = daemon.get(url + "/fail")
    assert answer.status_code == 500
    assert answer.text == "Internal Server Error"
    assert daemon.get(url + "/ids").status_code == 200


def test_an_exception_after_the_head_cuts_the_response(daemon, url):
    with pytest.raises(httpx.RemoteProtocolError):
        daemon.get(url + "/fail_late")
    assert daemon.get(url + "/ids").status_code == 200


def test_an_application_without_a_response_is_a_500(daemon, url):
    answer = daemon.get(url + "/nothing")
    assert answer.status_code == 500
    assert answer.text == "Internal Server Error"


def test_an_answer_may_come_before_the_body_was_read(daemon, url):
    assert daemon.post(url + "/early", content=b"x" * 100_000).json() == "early"


def test_work_after_the_response_goes_on(daemon, url):
    before = daemon.get(url + "/seen").json().count("background")
    assert daemon.get(url + "/after").json() == "sent"
    eventually(lambda: daemon.get(url + "/seen").json().count("background") == before + 1, 10, "the background work")


def test_a_caller_that_goes_is_a_disconnect(daemon, url):
    before = daemon.get(url + "/seen").json().count("gone")
    with daemon.web.stream("GET", url + "/until_gone") as answer:
        next(answer.iter_raw())
    eventually(lambda: daemon.get(url + "/seen").json().count("gone") == before + 1, 10, "the disconnect")


def test_after_the_response_an_application_hears_a_disconnect(daemon, url):
    assert daemon.get(url + "/after_the_end").json() == "over"
    eventually(lambda: "http.disconnect" in daemon.get(url + "/seen").json(), 10, "the disconnect")


def test_as_many_requests_run_together_as_the_function_says(daemon, url):
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: httpx_get(daemon, url + "/together?20"), range(20)))
    assert [answer.json() for answer in answers] == [20] * 20


def test_a_request_that_outlives_its_timeout_is_cancelled(daemon, stubborn, path):
    assert daemon.get(stubborn + "/ok").json() == []
    answer = daemon.get(stubborn + "/")
    assert answer.status_code == 500
    assert answer.text.strip() == "modal-http: internal error: function execution timed out"
    # The client hears of cancelled inputs only while a heartbeat is out; a container that doesn't in time is replaced.
    assert daemon.get(stubborn + "/ok").json() in ([["cancelled"]] if path == "takeover" else [["cancelled"], []])


def test_a_container_that_stops_fetching_finishes_and_another_serves(daemon, url):
    stopped = daemon.get(url + "/stop").json()
    assert daemon.get(url + "/task").json() != stopped


def httpx_get(daemon, url):
    """On a connection of its own: threads don't share the daemon's client."""
    parts = urlsplit(url)
    port = int(daemon.info["web"].rpartition(":")[2])
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    with httpx.Client(timeout=60, trust_env=False) as client:
        return client.get(f"http://127.0.0.1:{port}{target}", headers={"Host": parts.netloc})
