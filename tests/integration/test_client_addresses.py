"""Whose address an application is told, and what the access log says of a request."""

import json

from support.apps import write
from support.waiting import eventually

APP = """
import modal

app = modal.App("addresses")


@app.function()
@modal.asgi_app()
def told():
    async def answer(scope, receive, send):
        if scope["type"] != "http":
            return
        names = sorted(name.decode() for name, value in scope["headers"])
        body = repr((scope["client"], scope["scheme"], [name for name in names if "forward" in name])).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return answer
"""

FORWARDED = {"X-Forwarded-For": "6.6.6.6, 192.0.2.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "other"}


def test_only_a_trusted_proxy_says_for_whom_it_comes(fresh_daemon, scripts):
    daemon = fresh_daemon({"BIMODAL_ACCESS_LOG": "true"})
    (url,) = daemon.deploy(write(scripts, APP, "addresses"))
    client, scheme, forwarded = eval(daemon.get(url + "/a?secret=hidden", headers=FORWARDED).text)
    assert client[0] == "127.0.0.1" and scheme == "http" and forwarded == []
    daemon.stop()
    daemon.environment["BIMODAL_TRUSTED_PROXIES"] = "127.0.0.0/8,::1"
    daemon.start()
    (url,) = daemon.status()["apps"][0]["urls"]
    client, scheme, forwarded = eval(daemon.get(url + "/b", headers=FORWARDED).text)
    assert client[0] == "192.0.2.7" and scheme == "https"
    assert daemon.get(url.replace("addresses-told", "nobody"), headers=FORWARDED).status_code == 404

    file = daemon.home / "logs" / "access.jsonl"
    eventually(lambda: len(file.read_text().splitlines()) >= 3, 10, "lines of the access log")
    assert "hidden" not in file.read_text()
    first, second, third = [json.loads(line) for line in file.read_text().splitlines()][:3]
    assert (first["client"], first["path"], first["status"]) == ("127.0.0.1", "/a", 200)
    assert (first["app"], first["function"], first["cold"], second["cold"]) == ("addresses", "told", True, True)
    assert first["sent"] > 0 and first["ms"] > 0 and len(first["id"]) == 26
    assert (second["client"], second["path"]) == ("192.0.2.7", "/b")
    assert (third["error"], third["status"]) == ("unknown-host", 404)
