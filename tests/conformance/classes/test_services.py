"""Several web methods on one class: one container, one loop, hooks in their order, exit handlers whatever ends it."""

from pathlib import Path

import pytest
from support.waiting import eventually

APP = Path(__file__).parent / "apps" / "services.py"
LEAVING = "leaving weights, connected, lifespan, request, shutdown"


@pytest.fixture(scope="module")
def urls(daemon):
    return daemon.deploy(APP)


def logs(daemon, app="services"):
    return daemon.bimodal("app", "logs", app).output


@pytest.fixture(params=["takeover", "client"])
def path(request):
    return request.param


def url_of(urls, path, method):
    return next(url for url in urls if f"services-{path}-{method}" in url)


def test_methods_of_a_class_share_its_container_and_loop(daemon, urls, path):
    api, steps = url_of(urls, path, "api"), url_of(urls, path, "steps-so-far")
    assert daemon.get(api + "/x").text == "api /x"
    assert daemon.get(steps).json() == ["in-", "weights", "connected", "lifespan", "request"]
    assert daemon.get(api + "/y").text == "api /y"
    assert daemon.get(steps).json()[-2:] == ["request", "request"]


def test_a_plain_method_is_called_beside_web_methods(daemon, urls, path):
    done = daemon.python(f"import modal; print(modal.Cls.from_name('services', '{path.title()}')().plain.remote())")
    assert done.status == 0, done.output
    assert done.output.strip() == "called"


def test_exit_handlers_run_when_idle_containers_go(daemon, urls):
    for path in ("takeover", "client"):
        daemon.get(url_of(urls, path, "api"))
    eventually(lambda: not daemon.containers("services"), 30, "scale-down")
    eventually(lambda: logs(daemon).count("leaving weights") >= 2, 10, "exit handlers")
    before = logs(daemon).count(LEAVING)
    daemon.get(url_of(urls, "takeover", "api"))
    eventually(lambda: logs(daemon).count(LEAVING) == before + 1, 30, "lifespan before exit handlers")


@pytest.mark.parametrize("ending", ["redeploy", "stop", "down"])
def test_exit_handlers_run_at(fresh_daemon, scripts, ending):
    daemon = fresh_daemon()
    script = scripts / "services.py"
    script.write_text(APP.read_text().replace("scaledown_window=2", "scaledown_window=60"))
    urls = daemon.deploy(script)
    for path in ("takeover", "client"):
        assert daemon.get(url_of(urls, path, "api")).status_code == 200
    if ending == "redeploy":
        script.write_text(script.read_text().replace('"weights"', '"weights"'[:-1] + ' again"'))
        daemon.deploy(script)
    elif ending == "stop":
        assert daemon.bimodal("app", "stop", "-y", "services").status == 0
    else:
        daemon.stop()
        daemon.start()
    eventually(lambda: logs(daemon).count(LEAVING) == 2, 30, "exit handlers of both")


def test_exit_handlers_run_when_serve_is_interrupted(daemon, scripts):
    script = scripts / "served.py"
    script.write_text(APP.read_text().replace('App("services")', 'App("served")'))
    with daemon.serve(script) as serving:
        for path in ("takeover", "client"):
            url = next(url for url in serving.urls if f"served-{path}-api" in url)
            assert daemon.get(url).status_code == 200
    assert serving.output.count(LEAVING) == 2
