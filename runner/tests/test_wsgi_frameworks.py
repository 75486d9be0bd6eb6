"""Flask, Django and Bottle over frames."""

import json

import pytest
from gateway import BODY, CALLER_GONE, CANCEL, DONE, END, RESPONSE, decode_headers
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Request, TextMessage

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


class Socket:
    """A WebSocket's client over the raw bytes of a tunnel."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.protocol = WSConnection(ConnectionType.CLIENT)
        text = self.protocol.send(Request(host="a", target="/socket")).decode()
        fields = [line.split(": ", 1) for line in text.split("\r\n")[1:] if line]
        headers = [(name.lower().encode(), value.encode()) for name, value in fields if name.lower() != "connection"]
        self.stream = gateway.begin(path=b"/socket", headers=headers, kind=2)
        frame = gateway.expect(RESPONSE, self.stream)
        assert frame.payload[:2] == (101).to_bytes(2, "little") and not frame.end
        head = b"".join(b"%s: %s\r\n" % pair for pair in decode_headers(frame.payload[4 : frame.extra]))
        self.protocol.receive_data(b"HTTP/1.1 101 Switching Protocols\r\n" + head + b"\r\n")
        assert isinstance(next(self.protocol.events()), AcceptConnection)

    def send(self, event):
        self.gateway.send_frame(BODY, self.stream, self.protocol.send(event))

    def receive(self):
        events = []
        while not events:
            self.protocol.receive_data(self.gateway.expect(BODY, self.stream).payload)
            events = list(self.protocol.events())
        return events[0]


@pytest.mark.parametrize("app", ["flask_app"], indirect=True)
def test_flask_sock_takes_an_upgraded_socket(app):
    socket = Socket(app)
    for text in ("one", "two", "three" * 10_000):
        socket.send(TextMessage(data=text))
        answer = ""
        while len(answer) < len(text):
            answer += socket.receive().data
        assert answer == text.upper()
    socket.send(CloseConnection(code=1000))
    assert socket.receive().code == 1000
    while app.frame_of(socket.stream).type != DONE:
        pass
    assert json.loads(app.request().body)["hello"] == "World"


def test_a_websocket_of_flask_ends_when_its_caller_goes(serve):
    host = serve("wsgi:flask_app")
    gateway = host.connect()
    socket = Socket(gateway)
    gateway.send_frame(CANCEL, socket.stream, extra=CALLER_GONE)
    gateway.expect(DONE, socket.stream)
    host.drain()
    assert host.errors == ""


@pytest.mark.parametrize("app", ["flask_app"], indirect=True)
def test_an_upgrade_that_the_application_ignores_is_an_ordinary_request(app):
    headers = [(b"host", b"a"), (b"upgrade", b"h2c")]
    assert json.loads(app.request(headers=headers, kind=2).body)["hello"] == "World"
