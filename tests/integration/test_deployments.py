"""Deployed apps over their life: redeploy, list, logs, history, stop."""

import json

from support.apps import write, write_hello
from support.paths import OLDEST_PYTHON
from support.waiting import eventually

STOPPED = "modal-http: app for invoked web endpoint is stopped"


def test_a_redeploy_answers_at_the_same_url(daemon, scripts):
    (url,) = daemon.deploy(write_hello(scripts, "one"))
    assert daemon.get(url).json() == "one"
    assert daemon.deploy(write_hello(scripts, "two")) == [url]
    eventually(lambda: daemon.get(url).json() == "two", 20, "the new version")


def test_no_request_fails_during_a_redeploy(daemon, scripts):
    (url,) = daemon.deploy(write_hello(scripts, "before", app="rolling"))
    daemon.get(url)
    script = write_hello(scripts, "after", app="rolling")
    answers = []
    with daemon.start_bimodal("deploy", script) as deploying:
        while not answers or answers[-1] != "after":
            answer = daemon.get(url)
            assert answer.status_code == 200, answer.text
            answers.append(answer.json())
            assert len(answers) < 100_000
        assert deploying.wait() == 0, deploying.output
    assert set(answers) == {"before", "after"}


def test_a_function_that_is_gone_from_the_script_is_gone_from_the_web(daemon, scripts):
    both = """
import modal

app = modal.App("shrinking")


@app.function()
@modal.fastapi_endpoint()
def kept():
    return "kept"


@app.function()
@modal.fastapi_endpoint()
def dropped():
    return "dropped"
"""
    script = write(scripts, both)
    urls = daemon.deploy(script)
    dropped = next(url for url in urls if "dropped" in url)
    assert daemon.get(dropped).status_code == 200
    write(scripts, both[: both.rindex("@app.function()")])
    (kept,) = daemon.deploy(script)
    assert daemon.get(kept).json() == "kept"
    assert daemon.get(dropped).status_code == 404


def test_list_history_and_stop(daemon, scripts):
    script = write_hello(scripts, "listed", app="listed")
    (url,) = daemon.deploy(script)
    daemon.deploy(script, "--tag", "second")
    apps = json.loads(daemon.bimodal("app", "list", "--json").output)
    assert [app for app in apps if "listed" in json.dumps(app) and "deployed" in json.dumps(app).lower()]
    history = json.loads(daemon.bimodal("app", "history", "listed", "--json").output)
    assert len(history) == 2
    assert "second" in json.dumps(history[0])
    daemon.get(url)
    (running,) = daemon.containers("listed")
    stopped = daemon.bimodal("app", "stop", "listed", "-y")
    assert stopped.status == 0, stopped.output
    answer = daemon.get(url)
    assert (answer.status_code, answer.text.strip()) == (404, STOPPED)
    eventually(lambda: running["task_id"] not in str(daemon.containers()), 40, "the container's end")
    assert daemon.deploy(script) == [url]
    assert daemon.get(url).json() == "listed"


def test_rollback_switches_the_code_and_rollover_the_containers(daemon, scripts):
    (url,) = daemon.deploy(write_hello(scripts, "one", app="undone"))
    assert daemon.get(url).json() == "one"
    daemon.deploy(write_hello(scripts, "two", app="undone"), "--strategy", "recreate")
    assert daemon.get(url).json() == "two"
    done = daemon.bimodal("app", "rollback", "undone")
    assert done.status == 0, done.output
    eventually(lambda: daemon.get(url).json() == "one", 20, "the old version")
    assert daemon.bimodal("app", "rollback", "undone", "v2", "--strategy", "recreate").status == 0
    assert daemon.get(url).json() == "two"
    history = json.loads(daemon.bimodal("app", "history", "undone", "--json").output)
    assert [next(iter(version.values())) for version in history] == ["v4", "v3", "v2", "v1"]
    (before,) = daemon.containers("undone")
    rolled = daemon.bimodal("app", "rollover", "undone", "--strategy", "recreate")
    assert rolled.status == 0, rolled.output
    assert daemon.get(url).json() == "two"
    gone = lambda: before["task_id"] not in {container["task_id"] for container in daemon.containers("undone")}  # noqa: E731
    eventually(gone, 20, "the old container's end")
    for words, why in ((["v9"], "no version v9"), (["v5"], "at version v5 already")):
        refused = daemon.bimodal("app", "rollback", "undone", *words)
        assert refused.status != 0 and why in refused.output, refused.output


def test_a_staged_version_runs_once_it_is_promoted(daemon, scripts):
    (url,) = daemon.deploy(write_hello(scripts, "now", app="staged"))
    daemon.deploy(write_hello(scripts, "later", app="staged"), "--staged")
    assert daemon.get(url).json() == "now"
    promoted = daemon.bimodal("app", "promote", "staged", "v2")
    assert promoted.status == 0, promoted.output
    eventually(lambda: daemon.get(url).json() == "later", 20, "the staged version")


def test_what_a_container_prints_is_in_the_apps_logs(daemon, scripts):
    script = write(
        scripts,
        """
import sys

import modal

app = modal.App("talking")


@app.function()
@modal.fastapi_endpoint()
def hello(word: str):
    print(f"out {word}")
    print(f"err {word}", file=sys.stderr)
    return word
""",
    )
    (url,) = daemon.deploy(script)
    daemon.get(url, params={"word": "apple"})
    eventually(lambda: "out apple" in daemon.bimodal("app", "logs", "talking").output, 20, "the line")
    assert "err apple" in daemon.bimodal("logs", "talking").output
    with daemon.start_bimodal("logs", "talking", "-f") as following:

        def shown() -> bool:
            daemon.get(url, params={"word": "pear"})
            return "out pear" in following.output

        eventually(shown, 20, "a new line in the followed logs")


def test_environments_and_the_token_are_shown(daemon):
    environments = daemon.bimodal("environment", "list", "--json")
    assert environments.status == 0, environments.output
    assert "main" in environments.output
    assert daemon.bimodal("token", "info").status == 0
    assert daemon.bimodal("profile", "current").status == 0


def test_the_oldest_supported_client_deploys(fresh_daemon, scripts):
    daemon = fresh_daemon(python=OLDEST_PYTHON)
    (url,) = daemon.deploy(write_hello(scripts, "old friend"))
    assert daemon.get(url).json() == "old friend"
