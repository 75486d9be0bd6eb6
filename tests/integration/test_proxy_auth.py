"""requires_proxy_auth=True and the tokens that pass it, made and revoked by the client's own commands."""

import json

import pytest
from support.apps import write
from support.websocket import open_websocket

APP = """
import modal

app = modal.App("{name}")


@app.function()
@modal.asgi_app(requires_proxy_auth=True)
def headers():
    async def answer(scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
            await send({{"type": "websocket.accept"}})
            await send({{"type": "websocket.send", "text": "hello"}})
            return await send({{"type": "websocket.close"}})
        body = repr(sorted(name.decode() for name, value in scope["headers"])).encode()
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": body}})

    return answer


@app.function()
@modal.fastapi_endpoint(requires_proxy_auth=True)
def private():
    return "private"


@app.function()
@modal.web_server(8000, requires_proxy_auth=True)
def files():
    import subprocess

    subprocess.Popen(["python3", "-m", "http.server", "-d", "/root", "8000"])


@app.function()
@modal.fastapi_endpoint()
def public():
    return "public"
"""

MISSING = "modal-http: missing credentials for proxy authorization"
INVALID = "modal-http: invalid credentials for proxy authorization"


def ok(done):
    assert done.status == 0, done.output
    return done.output


def tokens(daemon, *words):
    return ok(daemon.bimodal("workspace", "proxy-tokens", *words))


def create(daemon, name) -> dict[str, str]:
    return json.loads(tokens(daemon, "create", "--name", name, "--json"))


def pair(token) -> dict[str, str]:
    return {name: token[name] for name in ("Modal-Key", "Modal-Secret")}


@pytest.fixture(scope="module")
def urls(daemon, tmp_path_factory):
    folder = tmp_path_factory.mktemp("private")
    printed = daemon.deploy(write(folder, APP.format(name="guarded"), "guarded"))
    return {name: next(url for url in printed if name in url) for name in ("headers", "private", "files", "public")}


def test_a_token_opens_every_kind_of_function_and_stays_outside(daemon, urls):
    token = create(daemon, "hooks")
    assert daemon.get(urls["public"]).json() == "public"
    for name in ("headers", "private", "files"):
        assert (daemon.get(urls[name]).status_code, daemon.get(urls[name]).text) == (401, MISSING), name
        for form in (pair(token), {"Authorization": token["Authorization"]}):
            assert daemon.get(urls[name], headers=form).status_code == 200, name
    seen = daemon.get(urls["headers"], headers=pair(token) | {"X-Mine": "1"}).text
    assert "'x-mine'" in seen and "modal" not in seen and "authorization" not in seen
    bearer = {"Authorization": token["Authorization"]}
    assert "authorization" not in daemon.get(urls["headers"], headers=bearer).text
    own = daemon.get(urls["headers"], headers=pair(token) | {"Authorization": "Basic bWluZQ=="})
    assert "'authorization'" in own.text


def test_a_browser_may_ask_first(daemon, urls):
    question = {"Origin": "http://elsewhere.example", "Access-Control-Request-Method": "GET"}
    asked = daemon.web.request("OPTIONS", urls["private"], headers=question)
    assert asked.status_code == 200 and asked.headers["access-control-allow-origin"]


def test_a_websocket_needs_the_token_too(daemon, urls):
    token = create(daemon, "sockets")
    with pytest.raises(Exception, match="401"):
        open_websocket(daemon, urls["headers"])
    with open_websocket(daemon, urls["headers"], additional_headers=pair(token)) as socket:
        assert socket.recv(timeout=20) == "hello"


def test_a_deleted_token_is_refused_at_once(daemon, urls):
    token = create(daemon, "old")
    listed = {row["token_id"]: row for row in json.loads(tokens(daemon, "list", "--json"))}
    assert listed[token["Modal-Key"]]["name"] == "old" and not listed[token["Modal-Key"]]["scoped"]
    assert token["Modal-Secret"] not in json.dumps(listed)
    assert daemon.get(urls["private"], headers=pair(token)).status_code == 200
    tokens(daemon, "delete", token["Modal-Key"], "--yes")
    refused = daemon.get(urls["private"], headers=pair(token))
    assert (refused.status_code, refused.text) == (401, INVALID)
    again = daemon.bimodal("workspace", "proxy-tokens", "delete", token["Modal-Key"], "--yes")
    assert again.status != 0 and "not found" in again.output


def test_tokens_outlive_the_daemon_and_their_secrets_are_nowhere(fresh_daemon, scripts):
    daemon = fresh_daemon()
    token = create(daemon, "first")
    tokens(daemon, "update", token["Modal-Key"], "name", "renamed")
    text = "import modal\n\napp = modal.App('kept')\n\n\n@app.function()\n@modal.fastapi_endpoint(requires_proxy_auth=True)\n"
    daemon.deploy(write(scripts, text + "def kept():\n    return 1\n", "kept"))
    daemon.kill()
    daemon.start()
    (url,) = daemon.deploy(scripts / "kept.py")
    assert daemon.get(url).status_code == 401
    assert daemon.get(url, headers=pair(token)).status_code == 200
    assert "renamed" in tokens(daemon, "list")
    kept = [path.read_bytes() for path in daemon.home.rglob("*") if path.is_file() and "layers" not in path.parts]
    assert not any(token["Modal-Secret"].encode() in content for content in kept)


def test_a_token_is_held_to_its_environments(daemon, urls):
    token = create(daemon, "scoped")
    ok(daemon.bimodal("environment", "create", "stage"))
    everywhere = daemon.bimodal("workspace", "proxy-tokens", "revoke", token["Modal-Key"], "stage")
    assert everywhere.status != 0 and "is good in every environment" in everywhere.output
    tokens(daemon, "allow", token["Modal-Key"], "stage")
    refused = daemon.get(urls["private"], headers=pair(token))
    assert (refused.status_code, refused.text) == (403, "modal-http: token is not allowed in this environment")
    tokens(daemon, "allow", token["Modal-Key"], "main")
    assert daemon.get(urls["private"], headers=pair(token)).status_code == 200
    assert token["Modal-Key"] in tokens(daemon, "list", "--environment", "stage", "--json")
    tokens(daemon, "revoke", token["Modal-Key"], "main")
    assert daemon.get(urls["private"], headers=pair(token)).status_code == 403


def test_an_api_token_is_no_proxy_token(daemon, urls):
    api = {"Modal-Key": daemon.token["id"], "Modal-Secret": daemon.token["secret"]}
    refused = daemon.get(urls["private"], headers=api)
    assert (refused.status_code, refused.text) == (401, INVALID)
    bearer = {"Authorization": f"Bearer {daemon.token['id']}.{daemon.token['secret']}"}
    assert daemon.get(urls["private"], headers=bearer).status_code == 401


def test_code_in_a_container_makes_no_tokens(daemon, scripts):
    program = """
import modal

app = modal.App("thief")


@app.function()
@modal.fastapi_endpoint()
def steal():
    try:
        return modal.Workspace.from_context().proxy_tokens.create(name="mine").token_id
    except Exception as error:
        return f"{type(error).__name__}: {error}"
"""
    (url,) = daemon.deploy(write(scripts, program, "thief"))
    assert "can't be seen or changed from inside a container" in daemon.get(url).json()
