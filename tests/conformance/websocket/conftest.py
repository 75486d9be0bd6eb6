"""A deployed echo to connect to; and the result of every case, kept as build/reports/websocket.json."""

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from peer import Peer
from support.apps import write

HERE = Path(__file__).parent
REPORT = HERE.parents[2] / "build" / "reports" / "websocket.json"
results: dict[str, str] = {}


def pytest_runtest_logreport(report):
    if "conformance/websocket/" not in report.nodeid:
        return
    if report.when == "call" or report.outcome != "passed":
        results[report.nodeid.rpartition("::")[2]] = report.outcome


def pytest_sessionfinish():
    if not results:
        return
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    failed = sorted(name for name, outcome in results.items() if outcome != "passed")
    REPORT.write_text(json.dumps({"cases": len(results), "failed": failed, "results": results}, indent=1) + "\n")


APP = """
import modal

app = modal.App("conformance")


async def echo(scope, receive, send):
    assert scope["type"] in ("http", "websocket")
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        return await send({"type": "http.response.body"})
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


@app.function()
@modal.concurrent(max_inputs=100)
@modal.asgi_app()
def sockets():
    return echo


# The client's own web path, without the runner.
@app.function(secrets=[modal.Secret.from_dict({"BIMODAL_RUNNER_TAKEOVER": "0"})])
@modal.concurrent(max_inputs=100)
@modal.asgi_app()
def own():
    return echo
"""


@pytest.fixture(scope="module")
def connect_to(daemon, tmp_path_factory):
    """connect_to(function): what opens connections to it."""
    urls = daemon.deploy(write(tmp_path_factory.mktemp("conformance"), APP))
    host, _, port = daemon.info["web"].rpartition(":")

    def connector(name):
        url = next(url for url in urls if f"-{name}." in url)
        assert daemon.get(url).status_code == 200
        target = SimpleNamespace(address=(host, int(port)), host=urlsplit(url).netloc)

        def open_peer(offer: str = "", version: str = "1.1") -> Peer:
            return Peer(target.address, target.host, offer=offer, version=version)

        return open_peer

    return connector


@pytest.fixture(scope="module")
def sockets(connect_to):
    return connect_to("sockets")


@pytest.fixture(params=["1.1", "2"], ids=["http1", "http2"])
def connect(sockets, request):
    """Opens connections to the echo; every case runs over both versions of HTTP."""
    return partial(sockets, version=request.param)
