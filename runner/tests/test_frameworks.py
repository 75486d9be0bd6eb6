"""FastAPI and Starlette applications over frames."""

import json

import pytest
from gateway import BODY, CALLER_GONE, CANCEL, CREDIT, DONE, END, RESPONSE


@pytest.fixture
def fastapi(serve):
    return serve("fastapi_app").connect()


def test_fastapi_handlers_async_and_threaded(fastapi):
    assert json.loads(fastapi.request(query=b"name=you").body) == {"hello": "you"}
    answer = fastapi.request(path=b"/sync", query=b"a=1")
    assert json.loads(answer.body) == {"client": "192.0.2.7", "state": 1, "url": "http://app.localhost:8080/sync?a=1"}
    assert fastapi.request(path=b"/missing").status == 404
    assert fastapi.request(b"POST").status == 405


def test_fastapi_validates_a_json_body(fastapi):
    headers = [(b"host", b"a"), (b"content-type", b"application/json")]
    answer = fastapi.request(b"POST", b"/item", headers=headers, body=b'{"name": "n"}')
    assert json.loads(answer.body) == {"name": "n", "qty": 42}
    assert fastapi.request(b"POST", b"/item", headers=headers, body=b"{}").status == 422


def test_fastapi_cors_answers_a_preflight(fastapi):
    headers = [(b"host", b"a"), (b"origin", b"http://b"), (b"access-control-request-method", b"GET")]
    answer = fastapi.request(b"OPTIONS", headers=headers)
    assert answer.status == 200 and (b"access-control-allow-origin", b"*") in answer.headers


def test_fastapi_reads_a_streamed_upload(fastapi):
    stream = fastapi.begin(b"POST", b"/upload", end=False)
    for _ in range(16):
        fastapi.send_frame(BODY, stream, bytes(64 * 1024))
        if _ >= 3:
            fastapi.expect(CREDIT, stream)
    fastapi.send_frame(BODY, stream, flags=END)
    assert json.loads(fastapi.answer(stream).body) == {"size": 1024 * 1024}


def test_fastapi_answers_500_and_logs_the_traceback(serve):
    host = serve("fastapi_app")
    answer = host.connect().request(path=b"/fail")
    assert (answer.status, answer.body, answer.aborted) == (500, b"Internal Server Error", None)
    host.drain()
    assert host.errors.count("RuntimeError: in the handler") == 1


def test_background_tasks_run_before_done(serve):
    host = serve("fastapi_app")
    assert host.connect().request(path=b"/background").body == b'"ok"'
    assert "background task ran" in host.output


@pytest.mark.parametrize("app", ["fastapi_app", "starlette_app"])
def test_streaming_responses_arrive_chunk_by_chunk(serve, app):
    gateway = serve(app).connect()
    stream = gateway.begin(path=b"/stream")
    assert gateway.expect(RESPONSE, stream).payload.endswith(b"data: 0\n\n")
    assert gateway.expect(BODY, stream).payload == b"data: 1\n\n"
    assert gateway.answer_rest(stream).endswith(b"data: 4\n\n")


def test_a_streaming_response_ends_when_its_caller_goes(serve):
    host = serve("fastapi_app")
    gateway = host.connect()
    stream = gateway.begin(path=b"/for-ever")
    gateway.expect(RESPONSE, stream)
    gateway.send_frame(CANCEL, stream, extra=CALLER_GONE)
    while gateway.frame_of(stream).type != DONE:
        pass
    host.drain()
    assert host.errors == "", "nothing failed"


def test_starlette_with_http_middleware(serve):
    gateway = serve("starlette_app").connect()
    answer = gateway.request(b"POST", b"/echo", body=b"body")
    assert answer.body == b"body" and (b"x-tag", b"tagged") in answer.headers
