"""Tokens made by `bimodal token new`, as the official client uses them."""

import json
import os

import pytest
from support.command import Running, run
from support.daemon import neutral_environment
from support.paths import PYTHON

FOLLOW_LOGS = """
import sys, modal
app = modal.App.lookup("followed", create_if_missing=True)
print("ready", flush=True)
from modal_proto import api_pb2
from modal._utils.async_utils import synchronizer
from modal.client import _Client

@synchronizer.create_blocking
async def follow():
    client = await _Client.from_env()
    request = api_pb2.AppGetLogsRequest(app_id=app.app_id, timeout=120)
    async for batch in client.stub.AppGetLogs.unary_stream(request):
        print("batch", flush=True)

try:
    follow()
    print("ended without an error")
except Exception as why:
    print("ended with", type(why).__name__, flush=True)
"""


def ok(done) -> str:
    assert done.status == 0, done.output
    return done.output


def make(daemon, *words) -> dict:
    return json.loads(ok(daemon.bimodal("token", "new", "--json", *words)))


def listed(daemon) -> dict[str, dict]:
    return {each["token_id"]: each for each in json.loads(ok(daemon.bimodal("token", "list", "--json")))}


def environment(daemon, token) -> dict[str, str]:
    return {
        **daemon.client_environment,
        "MODAL_TOKEN_ID": token["token_id"],
        "MODAL_TOKEN_SECRET": token["secret"],
    }


def modal(environment: dict[str, str], *words):
    return run([PYTHON, "-m", "modal", *words], environment)


def test_the_clients_own_token_commands_work_with_a_token_made_here(daemon, tmp_path):
    token = make(daemon, "--name", "laptop", "--expires", "30d")
    file = tmp_path / "modal.toml"
    there = {
        **neutral_environment(),
        "MODAL_CONFIG_PATH": str(file),
        "MODAL_SERVER_URL": f"http://{daemon.info['api']}",
    }
    words = ("--token-id", token["token_id"], "--token-secret", token["secret"])
    ok(modal(there, "token", "set", *words, "--profile", "here", "--activate"))
    assert token["secret"] in file.read_text()
    shown = ok(modal(there, "token", "info"))
    for part in (token["token_id"], "laptop", "Expires at"):
        assert part in shown
    ok(modal(there, "app", "list"))
    wrong = modal(there, "token", "set", words[0], words[1], words[2], "as-wrong", "--profile", "other")
    assert wrong.status != 0
    row = listed(daemon)[token["token_id"]]
    assert row["name"] == "laptop" and row["last_used_at"] > 0
    assert row["expires_at"] == row["created_at"] + 30 * 24 * 3600
    assert "secret" not in row


def test_a_revoked_token_ends_what_runs_and_is_refused(daemon):
    token = make(daemon)
    theirs = environment(daemon, token)
    ok(modal(theirs, "app", "list"))
    with Running([PYTHON, "-c", FOLLOW_LOGS], theirs) as following:
        following.wait_for("ready")
        ok(daemon.bimodal("token", "revoke", token["token_id"]))
        following.wait_for("ended with", 30)
    assert "without an error" not in following.output
    refused = modal(theirs, "app", "list")
    assert refused.status != 0 and "revoked" in refused.output
    assert token["token_id"] not in listed(daemon)
    again = daemon.bimodal("token", "revoke", token["token_id"])
    assert again.status == 1 and "token list" in again.output


def test_tokens_survive_a_crash_and_their_secrets_are_nowhere(fresh_daemon):
    daemon = fresh_daemon()
    token = make(daemon, "--name", "ci")
    ok(modal(environment(daemon, token), "app", "list"))
    wrong = {**environment(daemon, token), "MODAL_TOKEN_SECRET": "as-guessed"}
    assert modal(wrong, "app", "list").status != 0
    line = next(line for line in daemon.log().splitlines() if token["token_id"] in line and "refused" in line)
    assert "127.0.0.1" in line and "API:" in line
    daemon.kill()
    daemon.start()
    ok(modal(environment(daemon, token), "app", "list"))
    for folder, _, files in os.walk(daemon.home):
        for file in files:
            path = os.path.join(folder, file)
            if os.path.isfile(path):
                with open(path, "rb") as opened:
                    content = opened.read()
                assert token["secret"].encode() not in content, path
                assert b"as-guessed" not in content, path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("new", "--expires", "soon"), "--expires"),
        (("new", "--name", "x" * 65), "at most 64"),
        (("revoke",), "id"),
        (("list", "more"), "more"),
    ],
)
def test_a_wrong_command_is_refused(daemon, words, told):
    done = daemon.bimodal("token", *words)
    assert done.status != 0 and told in done.output


def test_without_a_daemon_no_token_is_made(fresh_daemon):
    daemon = fresh_daemon(start=False)
    done = daemon.bimodal("token", "new")
    assert done.status == 1 and "bimodal up" in done.output
