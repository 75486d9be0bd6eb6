"""bimodal up, down, status, env, logs; one daemon per home; tokens; ports."""

import socket
import stat

from support.apps import write_hello


def test_up_says_where_it_answers_and_down_ends_it(fresh_daemon):
    daemon = fresh_daemon(start=False)
    done = daemon.bimodal("up")
    assert done.status == 0, done.output
    assert f"http://{daemon.info['api']}" in done.output
    assert f"http://{daemon.info['web']}" in done.output
    daemon.stop()
    assert not daemon.running
    assert not (daemon.home / "daemon.json").exists()


def test_status_names_pid_urls_apps_and_containers(fresh_daemon, scripts):
    daemon = fresh_daemon()
    (url,) = daemon.deploy(write_hello(scripts, "x"))
    daemon.get(url)
    status = daemon.status()
    assert status["pid"] == daemon.info["pid"]
    assert status["api"] == f"http://{daemon.info['api']}"
    assert [(app["name"], app["state"], app["urls"]) for app in status["apps"]] == [("hello", "deployed", [url])]
    assert [container["function"] for container in status["containers"]] == ["hello"]
    text = daemon.bimodal("status").output
    assert url in text
    assert status["containers"][0]["task_id"] in text


def test_a_second_daemon_on_a_home_is_refused_with_the_firsts_pid(daemon):
    done = daemon.bimodal("up")
    assert done.status == 1
    assert f"pid {daemon.info['pid']}" in done.output
    assert len(done.output.strip().splitlines()) == 1
    foreground = daemon.bimodal("up", "--foreground")
    assert foreground.status == 1
    assert f"pid {daemon.info['pid']}" in foreground.output


def test_daemons_on_two_homes_live_side_by_side(daemon, fresh_daemon, scripts):
    other = fresh_daemon()
    (first,) = daemon.deploy(write_hello(scripts, "first"))
    (second,) = other.deploy(write_hello(scripts, "second"))
    assert daemon.get(first).json() == "first"
    assert other.get(second).json() == "second"
    assert other.info["pid"] != daemon.info["pid"]


def test_a_port_in_use_is_named_with_a_remedy(fresh_daemon):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for setting, flag in (("BIMODAL_API", "--api"), ("BIMODAL_WEB", "--web"), ("BIMODAL_ADMIN", "--admin")):
            daemon = fresh_daemon({setting: address}, start=False)
            done = daemon.bimodal("up")
            assert done.status == 1
            assert address in done.output and flag in done.output, done.output
            assert len(done.output.strip().splitlines()) == 1


def test_the_token_is_for_its_owner_only(daemon):
    assert stat.S_IMODE((daemon.home / "keys" / "token.json").stat().st_mode) == 0o600
    assert daemon.token["id"].startswith("ak-")
    assert daemon.token["secret"].startswith("as-")


def test_a_wrong_token_is_refused_with_a_word_about_it(daemon):
    code = "import modal; modal.App.lookup('x', create_if_missing=True)"
    for wrong in ({"MODAL_TOKEN_SECRET": "as-wrong"}, {"MODAL_TOKEN_ID": "ak-wrong"}):
        done = daemon.python(code, **wrong)
        assert done.status != 0
        assert "token" in done.output.strip().splitlines()[-1].lower(), done.output
    assert daemon.python(code).status == 0


def test_env_leads_the_plain_client_here(daemon):
    exports = daemon.bimodal("env").output
    for name, value in daemon.client_environment.items():
        if name in ("MODAL_SERVER_URL", "MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"):
            assert f"export {name}='{value}'" in exports


def test_a_client_command_starts_the_daemon(fresh_daemon):
    daemon = fresh_daemon(start=False)
    done = daemon.bimodal("app", "list", "--json")
    assert done.status == 0, done.output
    assert daemon.running


def test_the_clients_exit_status_is_ours(daemon):
    assert daemon.bimodal("deploy", "no_such_file.py").status != 0
    assert daemon.bimodal("app", "list", "--no-such-flag").status == 2


def test_own_flags_may_stand_anywhere_in_a_client_command(daemon, scripts):
    del daemon.environment["BIMODAL_HOME"]
    try:
        done = daemon.bimodal("deploy", write_hello(scripts, "flag"), "--home", daemon.home, "--name", "by-flag")
        assert done.status == 0, done.output
        assert "by-flag" in done.urls[0]
    finally:
        daemon.environment["BIMODAL_HOME"] = str(daemon.home)


def test_doctor_names_what_the_host_can_do(daemon):
    done = daemon.bimodal("doctor")
    assert done.status == 0, done.output
    for word in ("namespaces", "overlay", "cgroup", "names of URLs", "Python bases", "official client"):
        assert word in done.output, word


def test_logs_without_an_app_are_the_daemons_own(daemon):
    done = daemon.bimodal("logs")
    assert done.status == 0, done.output
    assert done.output.strip() and done.output.strip().splitlines()[-1] in daemon.log()


def test_a_broken_configuration_file_is_named_by_line(fresh_daemon):
    daemon = fresh_daemon(start=False)
    daemon.home.mkdir(parents=True)
    (daemon.home / "config.toml").write_text("[limits]\nmax_bodies = 1\n")
    done = daemon.bimodal("up")
    assert done.status == 2
    assert "config.toml:2" in done.output and "limits.max_bodies" in done.output
