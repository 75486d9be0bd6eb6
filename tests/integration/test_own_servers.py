"""@modal.web_server with the servers that people bring: aiohttp, Tornado, uvicorn in a process of its own, Streamlit."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import websockets
from support.websocket import open_websocket

APP = Path(__file__).parent / "own_servers" / "app.py"
FRAMEWORKS = ["aiohttp", "tornado", "uvicorn"]


@pytest.fixture(scope="module")
def urls(daemon):
    return {urlsplit(url).hostname.split(".")[0].rpartition("-")[2]: url for url in daemon.deploy(APP)}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_pages_and_uploads_pass(daemon, urls, name):
    def chunks():
        for _ in range(30):
            yield bytes(100_000)

    assert daemon.get(urls[name]).text == name
    assert daemon.web.request("HEAD", urls[name]).content == b""
    assert daemon.post(urls[name] + "/upload", content=chunks()).text == "3000000"
    assert daemon.post(urls[name] + "/upload", content=bytes(3_000_000)).text == "3000000"


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_event_passes_before_the_next_one_is_made(daemon, urls, name):
    with daemon.web.stream("GET", urls[name] + "/stream") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = (line for line in answer.iter_lines() if line)
        assert next(lines) == "data: one"
        assert daemon.get(urls[name] + "/go").status_code == 200
        assert list(lines) == ["data: two"]


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_websocket_passes_with_its_subprotocol_and_close_code(daemon, urls, name):
    with open_websocket(daemon, urls[name] + "/ws", subprotocols=["chat"]) as socket:
        assert socket.subprotocol == "chat"
        socket.send("word")
        assert socket.recv(timeout=20) == "WORD"
        socket.send(b"x" * 500_000 + b"y")
        assert socket.recv(timeout=20) == b"y" + b"x" * 500_000
        socket.send("bye")
        with pytest.raises(websockets.ConnectionClosed):
            socket.recv(timeout=20)
        assert (socket.close_code, socket.close_reason) == (4001, "as asked")


def test_streamlit_shows_its_page_and_takes_its_websocket(daemon, urls):
    page = daemon.get(urls["streamlit"])
    assert page.status_code == 200 and "<title>Streamlit</title>" in page.text
    assert daemon.get(urls["streamlit"] + "/_stcore/health").text == "ok"
    with open_websocket(daemon, urls["streamlit"] + "/_stcore/stream", subprotocols=["streamlit"]) as socket:
        assert socket.subprotocol == "streamlit"
