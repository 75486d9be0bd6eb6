"""A client on another machine: the API, its blobs and web functions, all of it over the https port."""

import json
import os
from pathlib import Path

import certifi
import pytest
from support.apps import write
from support.daemon import Daemon, neutral_environment
from support.paths import PYTHON
from support.remote import HERE, THERE, Machine

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="another network namespace takes root")

DOMAIN = "edge.test"
SHOP = "shop.example.test"
APP = f"""
import modal

app = modal.App("far")


@app.function()
@modal.asgi_app(custom_domains=["{SHOP}"])
def web():
    print("made far away")

    async def answer(scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
            await send({{"type": "websocket.accept"}})
            await send({{"type": "websocket.send", "text": scope["scheme"] + " " + scope["client"][0]}})
            return await send({{"type": "websocket.close"}})
        if scope["type"] != "http":
            return
        body = (scope["scheme"] + " " + scope["client"][0]).encode()
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": body}})

    return answer

"""

BLOBS = """
import modal

app = modal.App("blobs")


@app.function()
def size(data):
    return data + b"!"


@app.local_entrypoint()
def main():
    big = b"x" * (5 << 20)  # goes and comes back as a blob
    assert size.remote(big) == big + b"!"
    print("came back")
"""

WEBSOCKET = """
import ssl, sys
from websockets.sync.client import connect
with connect(sys.argv[1], ssl=ssl.create_default_context(cafile=sys.argv[2])) as socket:
    print("socket says", socket.recv())
"""

SANDBOX = """
import modal
app = modal.App.lookup("far", create_if_missing=True)
sandbox = modal.Sandbox.create("sleep", "60", app=app)
print("it says", sandbox.exec("echo", "hello").stdout.read())
sandbox.terminate()
"""


@pytest.fixture(scope="module")
def machine():
    with Machine() as one:
        one.knows(f"api.{DOMAIN}", f"local--far-web.{DOMAIN}", SHOP)
        yield one


@pytest.fixture(scope="module")
def daemon(machine):
    running = Daemon(
        {
            "BIMODAL_TLS_DEV": "true",
            "BIMODAL_HTTPS": f"{HERE}:0",
            "BIMODAL_BASE_DOMAIN": DOMAIN,
            "BIMODAL_ACCESS_LOG": "true",
        }
    ).start()
    yield running
    running.close()


class Remote:
    """The official client over there, with a token and the development CA among what it trusts."""

    def __init__(self, machine: Machine, daemon: Daemon, folder: Path):
        self.machine, self.daemon = machine, daemon
        self.port = daemon.info["https"].rpartition(":")[2]
        self.authority = Path(daemon.info["authority_file"])
        self.bundle = folder / "bundle.pem"
        self.bundle.write_text(Path(certifi.where()).read_text() + self.authority.read_text())
        made = daemon.bimodal("token", "new", "--name", "far away", "--json")
        assert made.status == 0, made.output
        self.token = json.loads(made.output)
        self.environment = {
            **neutral_environment(),
            "MODAL_SERVER_URL": f"https://api.{DOMAIN}:{self.port}",
            "MODAL_TOKEN_ID": self.token["token_id"],
            "MODAL_TOKEN_SECRET": self.token["secret"],
            "SSL_CERT_FILE": str(self.bundle),
        }

    def run(self, *words, cwd=None, **environment):
        over = {Path(certifi.where()): self.bundle}
        done = self.machine.run([PYTHON, *words], {**self.environment, **environment}, cwd, over)
        return done

    def ok(self, *words, cwd=None):
        done = self.run(*words, cwd=cwd)
        assert done.status == 0, done.output + self.daemon.log()[-6000:]
        return done.output

    def curl(self, url: str, *words: str):
        command = ["curl", "-sS", "--cacert", self.authority, "-w", " %{http_code} %{http_version}", *words, url]
        return self.machine.run(command, neutral_environment()).output


@pytest.fixture(scope="module")
def remote(machine, daemon, tmp_path_factory):
    return Remote(machine, daemon, tmp_path_factory.mktemp("remote"))


def test_a_remote_client_deploys_and_callers_come_by_https(remote, daemon, tmp_path):
    script = write(tmp_path, APP, "far")
    printed = remote.ok("-m", "modal", "deploy", script.name, cwd=tmp_path)
    url = f"https://local--far-web.{DOMAIN}:{remote.port}"
    assert url in printed
    assert remote.curl(url).strip() == f"https {THERE} 200 2"
    assert remote.curl(f"https://{SHOP}:{remote.port}/").strip() == f"https {THERE} 200 2"
    said = remote.ok("-c", WEBSOCKET, f"wss://{SHOP}:{remote.port}/", str(remote.authority))
    assert f"socket says wss {THERE}" in said
    # Values that are too large for a message go as blobs, to the same port.
    blobs = write(tmp_path, BLOBS, "blobs")
    assert "came back" in remote.ok("-m", "modal", "run", blobs.name, cwd=tmp_path)
    assert "far" in remote.ok("-m", "modal", "app", "list")
    lines = [json.loads(line) for line in (daemon.home / "logs" / "access.jsonl").read_text().splitlines()]
    web = [line for line in lines if line["host"].startswith(SHOP)]
    assert web and {line["client"] for line in web} == {THERE} and web[0]["tls"].startswith("TLSv1.")


def test_commands_run_in_containers_from_there(remote):
    assert "it says hello" in remote.ok("-c", SANDBOX)


def test_shells_logs_and_serve_work_from_there(remote, tmp_path):
    script = write(tmp_path, APP.replace("far", "farther").replace(f'custom_domains=["{SHOP}"]', ""), "farther")
    said = remote.ok(
        "-m", "modal", "shell", "--no-pty", f"{script.name}::web", "--cmd", "echo $((6 * 7))", cwd=tmp_path
    )
    assert "42" in said.split()
    assert f"https://local--farther-web-dev.{DOMAIN}:{remote.port}" in remote.ok(
        "-m", "modal", "serve", "--timeout", "2", script.name, cwd=tmp_path
    )
    assert "made far away" in remote.ok("-m", "modal", "app", "logs", "far")


def test_without_a_good_token_the_edge_lets_nobody_in(remote, daemon):
    wrong = remote.run("-m", "modal", "app", "list", MODAL_TOKEN_SECRET="as-guessed")
    assert wrong.status != 0 and "token" in wrong.output
    line = next(line for line in daemon.log().splitlines() if "refused" in line and THERE in line)
    assert remote.token["token_id"] in line and "as-guessed" not in daemon.log()


def test_the_apis_name_is_no_website(remote):
    answer = remote.curl(f"https://api.{DOMAIN}:{remote.port}/", "--http1.1")
    assert " 421 " in answer and "modal-http:" in answer


def test_a_revoked_token_is_refused_over_there(remote, daemon):
    assert daemon.bimodal("token", "revoke", remote.token["token_id"]).status == 0
    refused = remote.run("-m", "modal", "app", "list")
    assert refused.status != 0 and "revoked" in refused.output
