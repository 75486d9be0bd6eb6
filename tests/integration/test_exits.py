"""@modal.exit runs to its end on every way that a container ends, but for a kill."""

from support.apps import write
from support.waiting import eventually

APP = """
import os
import time

import modal

app = modal.App("leaving")


class Leaving:
    @modal.exit()
    def leave(self):
        time.sleep(0.7)  # what is killed doesn't come to the next line
        print("left", os.environ["MODAL_TASK_ID"], "{version}", flush=True)


@app.cls(scaledown_window=2)
class Short(Leaving):
    @modal.fastapi_endpoint()
    def short(self):
        return os.environ["MODAL_TASK_ID"]


@app.cls(scaledown_window=300)
class Long(Leaving):
    @modal.fastapi_endpoint()
    def long(self):
        return os.environ["MODAL_TASK_ID"]
"""


def script(folder, version: str):
    return write(folder, APP.format(version=version), "leaving")


def url_of(urls, name):
    return next(url for url in urls if name in url)


def expect_exit(daemon, task_id: str, way: str, app: str = "leaving") -> None:
    eventually(lambda: f"left {task_id}" in daemon.bimodal("app", "logs", app).output, 40, f"@exit after {way}")


def test_exit_handlers_run_on_every_way_out_of_a_deployed_app(fresh_daemon, scripts):
    daemon = fresh_daemon()
    urls = daemon.deploy(script(scripts, "one"))
    scaled_down = daemon.get(url_of(urls, "short")).json()
    long = url_of(urls, "long")

    ways = {
        "container stop": lambda task: daemon.bimodal("container", "stop", task, "-y"),
        "container stop --graceful": lambda task: daemon.bimodal("container", "stop", "--graceful", task, "-y"),
        "a rolling deploy": lambda _: daemon.bimodal("deploy", script(scripts, "two")),
        "a recreating deploy": lambda _: daemon.bimodal("deploy", "--strategy", "recreate", script(scripts, "three")),
        "app stop": lambda _: daemon.bimodal("app", "stop", "leaving", "-y"),
    }
    for way, end in ways.items():
        task = daemon.get(long).json()
        done = end(task)
        assert done.status == 0, f"{way}: {done.output}"
        expect_exit(daemon, task, way)
    expect_exit(daemon, scaled_down, "scale-down")

    daemon.deploy(script(scripts, "four"))
    task = daemon.get(long).json()
    daemon.stop()
    daemon.start()
    expect_exit(daemon, task, "the daemon's end")


def test_exit_handlers_run_when_a_served_app_is_reloaded_and_ends(daemon, scripts):
    with daemon.serve(script(scripts, "one")) as serving:
        (app,) = [each["app_id"] for each in daemon.status()["apps"]]
        url = url_of(serving.urls, "long")
        first = daemon.get(url).json()
        script(scripts, "two")
        serving.wait_for(f"left {first}")
        second = daemon.get(url).json()
        serving.interrupt()
        serving.wait()
    expect_exit(daemon, second, "Ctrl-C", app)
