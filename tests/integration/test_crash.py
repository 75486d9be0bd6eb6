"""kill -9 of the daemon at any moment loses nothing that was acknowledged."""

import contextlib
import threading

import httpx
from support.apps import write_hello


def test_deployed_apps_answer_at_their_urls_after_a_kill_under_load(fresh_daemon, scripts):
    daemon = fresh_daemon({"BIMODAL_WEB": "127.0.0.1:0"})
    (url,) = daemon.deploy(write_hello(scripts, "survivor"))
    assert daemon.get(url).json() == "survivor"
    port = daemon.info["web"].rpartition(":")[2]
    stop = threading.Event()

    def load():
        host = url.removeprefix("http://")
        with contextlib.suppress(httpx.HTTPError), httpx.Client(trust_env=False) as client:
            while not stop.is_set():
                client.get(f"http://127.0.0.1:{port}/", headers={"Host": host})

    callers = [threading.Thread(target=load) for _ in range(4)]
    for caller in callers:
        caller.start()
    daemon.kill()
    stop.set()
    for caller in callers:
        caller.join()

    daemon.environment["BIMODAL_WEB"] = f"127.0.0.1:{port}"
    daemon.start()
    assert daemon.get(url).json() == "survivor"
    history = daemon.bimodal("app", "history", "hello")
    assert history.status == 0, history.output


def test_nothing_is_left_of_containers_when_the_daemon_is_killed(fresh_daemon, scripts):
    daemon = fresh_daemon()
    (url,) = daemon.deploy(write_hello(scripts, "orphan"))
    daemon.get(url)
    daemon.kill()
    daemon.leaks.check_processes()
    daemon.start()
    assert daemon.containers() == []
    daemon.stop()
    daemon.leaks.check()


def test_secrets_and_deployments_survive_many_kills(fresh_daemon, scripts):
    daemon = fresh_daemon()
    for round_number in range(3):
        name = f"app-{round_number}"
        daemon.deploy(write_hello(scripts, name, app=name))
        assert daemon.bimodal("secret", "create", f"secret-{round_number}", "A=b").status == 0
        daemon.kill()
        daemon.start()
        names = {app["name"] for app in daemon.status()["apps"]}
        assert names == {f"app-{number}" for number in range(round_number + 1)}
        assert f"secret-{round_number}" in daemon.bimodal("secret", "list").output
