"""Secrets by the official client: made, changed, looked up, and seen by functions alone."""

import json

import pytest
from support.apps import write

APP = """
import os
from pathlib import Path

import modal

app = modal.App("keeper")


@app.function(
    secrets=[
        modal.Secret.from_name("base", required_keys=["A"]),
        modal.Secret.from_dict({"B": "of the script", "C": None}),
        modal.Secret.from_dotenv(__file__, filename="settings.env"),
    ]
)
@modal.fastapi_endpoint()
def variables():
    return {name: os.environ.get(name) for name in ("A", "B", "C", "D", "E")}
"""

VALUE = "correct-horse-battery-staple"


def ok(done):
    assert done.status == 0, done.output
    return done.output


def listed(daemon, *words):
    return json.loads(ok(daemon.bimodal("secret", "list", "--json", *words)))


def test_functions_see_the_variables_of_all_kinds_of_secrets(daemon, scripts):
    ok(daemon.bimodal("secret", "create", "base", f"A={VALUE}", "B=hidden by a later secret"))
    (scripts / "settings.env").write_text('D="from a file" # comment\nE=\n')
    (url,) = daemon.deploy(write(scripts, APP, "keeper"))
    expected = {"A": VALUE, "B": "of the script", "C": None, "D": "from a file", "E": ""}
    assert daemon.get(url).json() == expected
    assert [row["last_used_at"] for row in listed(daemon) if row["name"] == "base"] != ["-"]

    assert VALUE not in daemon.log()
    for file in ("state.db", "state.db-wal"):
        assert VALUE.encode() not in (daemon.home / file).read_bytes()


def test_the_command_makes_lists_replaces_and_deletes(daemon, scripts):
    (scripts / "values.json").write_text('{"A": "1"}')
    (scripts / "values.env").write_text("B=2\n")
    files = ["--from-json", scripts / "values.json", "--from-dotenv", scripts / "values.env"]
    ok(daemon.bimodal("secret", "create", "made", "C=3", *files))
    again = daemon.bimodal("secret", "create", "made", "D=4")
    assert again.status != 0 and "'made' exists in environment 'main'; --force replaces it" in again.output
    ok(daemon.bimodal("secret", "create", "made", "D=4", "--force"))
    assert "made" in [row["name"] for row in listed(daemon)]
    ok(daemon.bimodal("secret", "delete", "made", "--yes"))
    assert "made" not in [row["name"] for row in listed(daemon)]
    gone = daemon.bimodal("secret", "delete", "made", "--yes")
    assert gone.status != 0 and "Secret 'made' not found" in gone.output
    ok(daemon.bimodal("secret", "delete", "made", "--yes", "--allow-missing"))


def test_a_secret_belongs_to_its_environment(daemon):
    ok(daemon.bimodal("environment", "create", "vault"))
    ok(daemon.bimodal("secret", "create", "scoped", "A=1", "-e", "vault"))
    assert [row["name"] for row in listed(daemon, "-e", "vault")] == ["scoped"]
    assert "scoped" not in [row["name"] for row in listed(daemon)]
    nowhere = daemon.bimodal("secret", "list", "-e", "nowhere")
    assert nowhere.status != 0 and "Environment 'nowhere' not found" in nowhere.output


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("modal.Secret.from_name('absent').hydrate()", "NotFoundError: Secret 'absent' not found"),
        ("modal.Secret.from_name('keys', required_keys=['A', 'X', 'Y']).hydrate()", "InvalidError: Secret 'keys'"),
        ("modal.Secret.from_name('keys', required_keys=['A', 'X', 'Y']).hydrate()", "has no key X Y"),
        ("modal.Secret.objects.create('keys', {'A': 'x'})", "AlreadyExistsError"),
        ("modal.Secret.objects.create('odd', {'A=B': 'x'})", "InvalidError"),
    ],
)
def test_a_wrong_use_raises_the_client_s_own_exception(daemon, code, said):
    ok(daemon.python("import modal; modal.Secret.objects.create('keys', {'A': '1'}, allow_existing=True)"))
    done = daemon.python(f"import modal; {code}")
    assert done.status != 0 and said in done.output


def test_the_sdk_updates_and_tells_of_a_secret_without_its_values(daemon):
    code = """
import modal
modal.Secret.objects.create("changing", {"A": "first", "B": "second"})
secret = modal.Secret.from_name("changing", required_keys=["A", "B"]).hydrate()
secret.update({"B": "changed", "C": "third"})
modal.Secret.from_name("changing", required_keys=["A", "B", "C"]).hydrate()
modal.Secret.objects.create("changing", {"D": "ignored"}, allow_existing=True)
info = secret.info(refresh=True)
print(info.name, info.environment_name, info.created_by, info.last_used)
print([each.name for each in modal.Secret.objects.list(max_objects=1)])
"""
    assert ok(daemon.python(code)).splitlines() == ["changing main local None", "['changing']"]
