"""Environments and tokens by the client's own commands."""

import json

from support.apps import write_hello
from support.command import run
from support.paths import PYTHON


def ok(done):
    assert done.status == 0, done.output
    return done.output


def environments(daemon):
    return {row["name"]: row for row in json.loads(ok(daemon.bimodal("environment", "list", "--json")))}


def test_an_app_lives_in_its_environment(daemon, scripts):
    ok(daemon.bimodal("environment", "create", "Stage_1"))
    assert environments(daemon)["Stage_1"]["web_suffix"] == "stage-1"
    (main,) = daemon.deploy(write_hello(scripts, "main", app="twice"))
    (stage,) = daemon.deploy(write_hello(scripts, "stage", app="twice"), "-e", "Stage_1")
    assert "--twice-hello" in main and stage == main.replace("--twice", "-stage-1--twice")
    assert (daemon.get(main).json(), daemon.get(stage).json()) == ("main", "stage")

    look_up = (
        "import modal, sys; print(modal.Function.from_name('twice', 'hello', environment_name='Stage_1').get_web_url())"
    )
    assert ok(daemon.python(look_up)).strip() == stage
    assert (
        ok(daemon.python(look_up.replace(", environment_name='Stage_1'", ""), MODAL_ENVIRONMENT="Stage_1"))
        == stage + "\n"
    )

    ok(daemon.bimodal("environment", "update", "Stage_1", "--set-name", "stage", "--set-web-suffix", "s"))
    assert environments(daemon)["stage"]["web_suffix"] == "s" and "Stage_1" not in environments(daemon)
    assert daemon.get(main.replace("--twice", "-s--twice")).json() == "stage"
    assert daemon.get(stage).status_code == 404

    refused = daemon.bimodal("environment", "delete", "stage", "--yes")
    assert refused.status != 0 and "'twice' runs in environment 'stage'; stop it first" in refused.output
    ok(daemon.bimodal("app", "stop", "twice", "-e", "stage", "--yes"))
    ok(daemon.python("import modal; modal.Dict.from_name('d', environment_name='stage', create_if_missing=True).len()"))
    ok(daemon.bimodal("environment", "delete", "stage", "--yes"))
    assert list(environments(daemon)) == ["main"]
    assert daemon.get(main).json() == "main"


def test_a_wrong_environment_is_refused_by_name(daemon):
    for words, message in [
        (["create", "main"], "There is an environment 'main'"),
        (["delete", "main", "--yes"], "is the default one and can't be deleted"),
        (["delete", "nowhere", "--yes"], "Environment 'nowhere' not found"),
        (["update", "main", "--set-web-suffix", "A b"], "'A b' can't be a web suffix"),
    ]:
        done = daemon.bimodal("environment", *words)
        assert done.status != 0 and message in done.output, (words, done.output)


def test_another_environment_can_be_the_default_one(daemon):
    ok(daemon.bimodal("environment", "create", "west"))
    ok(daemon.bimodal("workspace", "settings", "set", "default-environment", "west"))
    assert "west" in ok(daemon.bimodal("workspace", "settings", "list"))
    daemon.python("import modal; modal.Dict.from_name('of-west', create_if_missing=True).len()")
    assert "of-west" in ok(daemon.bimodal("dict", "list", "-e", "west"))
    ok(daemon.bimodal("workspace", "settings", "set", "default-environment", "main"))
    for setting, message in [
        (("default-environment", "nowhere"), "Environment 'nowhere' not found"),
        (("image-builder-version", "2023.12"), "'2023.12' is not supported by this server, only 2025.06"),
    ]:
        refused = daemon.bimodal("workspace", "settings", "set", *setting)
        assert refused.status != 0 and message in refused.output


def test_an_app_keeps_its_tags(daemon, scripts):
    program = """
import modal
app = modal.App("tagged", tags={"team": "red"})
with modal.enable_output(), app.run():
    print(app.get_tags())
    app.set_tags({"team": "blue", "tier": "1"})
    print(sorted(app.get_tags().items()))
    app.set_tags({})
    print(app.get_tags())
"""
    said = ok(daemon.python(program))
    assert "{'team': 'red'}" in said and "[('team', 'blue'), ('tier', '1')]" in said and "{}" in said


def test_the_token_is_shown_and_stored_by_the_client(daemon, scripts):
    assert daemon.token["id"] in ok(daemon.bimodal("token", "info"))
    config = str(scripts / "modal.toml")
    words = ["token", "set", "--token-id", daemon.token["id"], "--token-secret", daemon.token["secret"]]
    ok(daemon.bimodal(*words, MODAL_CONFIG_PATH=config))
    assert daemon.token["secret"] in (scripts / "modal.toml").read_text()
    wrong = daemon.bimodal("token", "set", "--token-id", "ak-x", "--token-secret", "as-x", MODAL_CONFIG_PATH=config)
    assert wrong.status != 0 and "not a token of this server" in wrong.output


def test_what_is_not_served_says_what_to_use_instead(daemon):
    ask = "import modal; modal.NetworkFileSystem.from_name('n', create_if_missing=True).hydrate()"
    files = daemon.python(ask)
    assert (
        "UnimplementedError: SharedVolumeGetOrCreate is not served" in files.output and "modal.Volume" in files.output
    )
    environment = {**daemon.client_environment, "MODAL_TOKEN_ID": "", "MODAL_TOKEN_SECRET": ""}
    new = run([PYTHON, "-m", "modal", "token", "new"], environment)
    assert new.status != 0 and "`bimodal env` prints its token" in new.output
