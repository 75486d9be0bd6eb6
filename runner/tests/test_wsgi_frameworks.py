"""Flask, Django and Bottle over frames."""

import json

import pytest
from gateway import BODY, END, RESPONSE

JSON = [(b"host", b"a"), (b"content-type", b"application/json"), (b"content-length", b"7")]
APPS = ["flask_app", "django_app", "bottle_app"]


@pytest.fixture(params=["asyncio"])
def loop_kind(request):
    return request.param


@pytest.fixture
def app(serve, request):
    return serve("wsgi:" + request.param).connect()


@pytest.mark.parametrize("app", APPS, indirect=True)
def test_a_framework_routes_reads_and_streams(app):
    assert json.loads(app.request(query=b"name=you").body) == {"hello": "you", "client": "192.0.2.7"}
    assert app.request(path=b"/missing").status == 404
    answer = app.request(b"POST", b"/json", headers=JSON, body=b'{"a":1}')
    assert json.loads(answer.body) == {"a": 1}
    stream = app.begin(path=b"/stream")
    assert app.expect(RESPONSE, stream).payload.endswith(b"data: 0\n\n")
    assert app.expect(BODY, stream).payload == b"data: 1\n\n"
    assert app.answer_rest(stream).endswith(b"data: 4\n\n")


@pytest.mark.parametrize("app", ["flask_app"], indirect=True)
def test_flask_takes_forms_chunked_bodies_and_errors(app):
    form = b'--x\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n' + b"y" * 1000 + b"\r\n--x--\r\n"
    headers = [
        (b"host", b"a"),
        (b"content-type", b"multipart/form-data; boundary=x"),
        (b"content-length", b"%d" % len(form)),
    ]
    assert json.loads(app.request(b"POST", b"/upload", headers=headers, body=form).body) == {"size": 1000}
    stream = app.begin(b"POST", b"/raw", end=False)
    app.send_frame(BODY, stream, b"of no stated")
    app.send_frame(BODY, stream, b" length", flags=END)
    assert json.loads(app.answer(stream).body) == {"size": 19}
    answer = app.request(path=b"/fail")
    assert (answer.status, answer.aborted) == (500, None)
    answer = app.request(b"HEAD")
    assert (answer.status, answer.body) == (200, b"")
