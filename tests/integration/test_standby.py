"""Containers in reserve: what a start gains by them, and that nothing else tells the two kinds of container apart."""

import os
import signal
import time
from pathlib import Path

import pytest
from support.apps import write
from support.command import run
from support.forks import zygote_processes
from support.inside import Inside
from support.paths import PYTHON, ROOT
from support.waiting import eventually

PROBE = ROOT / "tests/support/probe.py"

# What a container can know of itself, but for what is its own in any case.
FACTS = """
import json, os, resource, signal, socket, sys, threading
own = ("MODAL_TASK_ID", "MODAL_CONTAINER_ARGUMENTS_PATH")
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
with open("/proc/self/mountinfo") as table:
    mounts = sorted(line.split()[4] + " " + line.split()[5] for line in table)
result = {
    "argv": sys.argv, "original": sys.orig_argv, "path": sys.path, "flags": str(sys.flags),
    "main": sys.modules["__main__"].__spec__.name, "cwd": os.getcwd(), "parent": os.getppid(),
    "env": {name: value for name, value in os.environ.items() if name not in own},
    "umask": os.umask(0o022), "limits": [resource.getrlimit(kind) for kind in range(16)], "user": [os.getuid(), os.getgid()],
    "status": {name: status[name].strip() for name in ("CapEff", "CapBnd", "CapPrm", "NoNewPrivs", "Seccomp")},
    "handlers": {name: str(signal.getsignal(name).__class__) for name in (1, 2, 13, 15)},
    "mounts": mounts, "host": socket.gethostname(), "root": sorted(os.listdir("/")), "home": sorted(os.listdir("/root")),
    "descriptors": sorted(os.readlink(f"/proc/self/fd/{fd}").split("[")[0] for fd in os.listdir("/proc/self/fd")
                          if os.path.exists(f"/proc/self/fd/{fd}") or os.path.islink(f"/proc/self/fd/{fd}")),
    "threads": threading.active_count(), "stdio": [str(sys.stdout.encoding), sys.stdout.line_buffering, sys.stdin.isatty()],
}
"""

RANDOMNESS = """
import os, random, ssl, uuid
result = [ssl.RAND_bytes(8).hex(), os.urandom(8).hex(), str(random.random()), str(uuid.uuid4())]
"""

# Of the same name as a module that every container in reserve has imported.
SHADOW = """
import os

with open(os.path.join(os.path.dirname(os.__file__), "uuid.py")) as original:
    exec(original.read())
"""

APP = """
import os

import modal

image = modal.Image.debian_slim().add_local_file("{shadow}", "/root/uuid.py")
app = modal.App("guarded")


@app.function(secrets=[modal.Secret.from_dict({{"PASSWORD": "open sesame"}})])
@modal.fastapi_endpoint()
def secret():
    return [os.environ["PASSWORD"], "open sesame" in open("/proc/self/environ").read(), started_anew()]


@app.function(image=image)
@modal.fastapi_endpoint()
def shadowed():
    import uuid

    return [uuid.__file__, started_anew()]


@app.function(secrets=[modal.Secret.from_dict({{"PYTHONHASHSEED": "1"}})])
@modal.fastapi_endpoint()
def seeded():
    return [hash("x"), started_anew()]


def started_anew():
    return "BIMODAL_STANDBY_FD=" not in open("/proc/self/environ").read()
"""


# Says when its code ran, and when its process began.
PARKED = """
import os, time

import modal

IMPORTED = time.time()
app = modal.App("parked")


@app.function(secrets=[modal.Secret.from_name("parked-word")])
@modal.fastapi_endpoint()
def when():
    ticks = int(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19])
    up = float(open("/proc/uptime").read().split()[0])
    age = up - ticks / os.sysconf("SC_CLK_TCK")
    return {{"imported": IMPORTED, "began": time.time() - age, "word": os.environ["WORD"], "version": {version},
             "task": os.environ["MODAL_TASK_ID"], "told": [name for name in os.environ if "PARK" in name]}}
"""


SNAPPED = """
import time

import modal

IMPORTED = time.time()
app = modal.App("{name}")


@app.cls(enable_memory_snapshot=True)
class Web:
    @modal.enter(snap=True)
    def load(self):
        self.loaded = time.time()
        print("loading", flush=True)
        {call}

    @modal.enter(snap=False)
    def refresh(self):
        self.refreshed = time.time()

    @modal.asgi_app()
    def web(self):
        from fastapi import FastAPI

        web = FastAPI()

        @web.get("/")
        def times():
            return [IMPORTED, self.loaded, self.refreshed]

        return web
"""


def in_reserve(daemon, app: str, state: str) -> int:
    status = daemon.status()
    wanted = {each["app_id"] for each in status["apps"] if each["name"] == app}
    return sum(standby["state"] == state for standby in status["standbys"] if standby["app_id"] in wanted)


def ready(daemon, count: int, app: str):
    eventually(lambda: in_reserve(daemon, app, "ready") >= count, 120, f"{count} containers in reserve")


def parked(daemon, app: str):
    eventually(lambda: in_reserve(daemon, app, "parked") == 1, 120, "a parked container")


def probe_of(daemon) -> Inside:
    return Inside(daemon, next(url for url in daemon.deploy(PROBE) if "probe-probe" in url))


@pytest.fixture(scope="module")
def from_reserve(daemon):
    inside = probe_of(daemon)
    ready(daemon, 6, "probe")  # two for each network and limits
    return inside


def test_a_container_from_the_reserve_differs_from_another_in_its_pid_and_its_filters_only(from_reserve, fresh_daemon):
    ordinary = probe_of(fresh_daemon({"BIMODAL_STANDBY": "0"}))
    assert ordinary.daemon.status()["standbys"] == []
    expected, found = ordinary.result(FACTS), from_reserve.result(FACTS)
    assert found == expected
    assert from_reserve.result("result = 'BIMODAL_STANDBY_FD=' in open('/proc/self/environ').read()")


def stop_containers(daemon):
    for container in daemon.containers():
        words = [PYTHON, "-m", "modal", "container", "stop", "-y", container["task_id"]]
        done = run(words, daemon.client_environment)
        assert done.status == 0 or "already stopped" in done.output, done.output
    eventually(lambda: not daemon.containers(), 20, "no container left")


def test_another_takes_the_place_of_the_one_that_was_used_and_shares_no_randomness_with_it(from_reserve):
    daemon = from_reserve.daemon
    first = from_reserve.result(RANDOMNESS)
    stop_containers(daemon)
    ready(daemon, 6, "probe")
    second = from_reserve.result(RANDOMNESS)
    assert not set(first) & set(second)


def standby_processes(daemon) -> list[int]:
    found = []
    for directory in Path("/proc").iterdir():
        try:
            if not directory.name.isdigit() or b"BIMODAL_STANDBY_FD=" not in (directory / "environ").read_bytes():
                continue
            if str(daemon.home) in (directory / "mountinfo").read_text():
                found.append(int(directory.name))
        except OSError:
            continue
    return found


def test_requests_are_answered_although_the_reserve_was_killed(from_reserve):
    daemon = from_reserve.daemon
    stop_containers(daemon)
    ready(daemon, 6, "probe")
    for pid in standby_processes(daemon):
        os.kill(pid, signal.SIGKILL)
    assert from_reserve.result("result = 1 + 1") == 2


def test_what_the_reserve_does_not_fit_is_started_anew(daemon, scripts):
    shadow = scripts / "shadow.py"
    shadow.write_text(SHADOW)
    urls = daemon.deploy(write(scripts, APP.format(shadow=shadow), "guarded"))
    secret, shadowed, seeded = (next(url for url in urls if name in url) for name in ("secret", "shadowed", "seeded"))
    ready(daemon, 1, "guarded")
    assert daemon.get(secret).json() == ["open sesame", False, False]
    ready(daemon, 1, "guarded")
    assert daemon.get(shadowed).json() == ["/root/uuid.py", True]
    words = [PYTHON, "-c", "print(hash('x'))"]
    expected = run(words, {"PYTHONHASHSEED": "1"}).output
    assert daemon.get(seeded).json() == [int(expected), True]


def set_word(daemon, word: str):
    words = [PYTHON, "-m", "modal", "secret", "create", "--force", "parked-word", f"WORD={word}"]
    done = run(words, daemon.client_environment)
    assert done.status == 0, done.output


def test_a_parked_container_runs_the_users_code_only_when_a_request_needs_it(daemon, scripts):
    set_word(daemon, "one")
    (url,) = daemon.deploy(write(scripts, PARKED.format(version=1), "parked"))
    parked(daemon, "parked")
    before = time.time()
    answer = daemon.get(url).json()
    assert answer["began"] < before < answer["imported"]
    assert (answer["word"], answer["told"]) == ("one", [])
    assert [each["task_id"] for each in daemon.containers() if each["task_id"] == answer["task"]]
    parked(daemon, "parked")  # the next one


def test_a_parked_container_never_serves_with_an_older_secret_or_version(daemon, scripts):
    set_word(daemon, "two")
    stop_containers(daemon)
    (url,) = daemon.deploy(write(scripts, PARKED.format(version=1), "parked"))
    parked(daemon, "parked")
    daemon.wait_for_reserve()
    zygotes = set(zygote_processes(daemon, 2))
    set_word(daemon, "three")
    assert daemon.get(url).json()["word"] == "three"
    eventually(
        lambda: zygotes - set(zygote_processes(daemon, 2)), 20, "the end of the function's zygote, of the older one"
    )
    daemon.deploy(write(scripts, PARKED.format(version=2), "parked"))
    eventually(lambda: daemon.get(url).json()["version"] == 2, 20, "the new version")
    parked(daemon, "parked")
    stop_containers(daemon)
    assert daemon.get(url).json()["version"] == 2


def test_a_memory_snapshot_has_global_scope_and_the_first_enter_methods_behind_it(daemon, scripts):
    (url,) = daemon.deploy(write(scripts, SNAPPED.format(name="snapped", call="pass"), "snapped"))
    parked(daemon, "snapped")
    before = time.time()
    imported, loaded, refreshed = daemon.get(url).json()
    assert imported < loaded < before < refreshed


def test_a_call_before_the_snapshot_waits_for_the_container_to_be_needed(daemon, scripts):
    call = 'modal.Dict.from_name("snapped-dict", create_if_missing=True)["called"] = True'
    stop_containers(daemon)
    (url,) = daemon.deploy(write(scripts, SNAPPED.format(name="snapped", call=call), "snapped"))
    parked(daemon, "snapped")
    before = time.time()
    imported, loaded, refreshed = daemon.get(url).json()
    assert loaded < before < refreshed


def test_requests_are_answered_although_the_parked_container_was_killed(daemon, scripts):
    stop_containers(daemon)
    (url,) = daemon.deploy(write(scripts, PARKED.format(version=3), "parked"))
    parked(daemon, "parked")
    for pid in standby_processes(daemon):
        os.kill(pid, signal.SIGKILL)
    assert daemon.get(url).json()["version"] == 3


def test_others_take_the_place_of_those_in_reserve_that_were_killed(daemon, scripts):
    set_word(daemon, "four")
    stop_containers(daemon)
    daemon.deploy(write(scripts, PARKED.format(version=4), "parked"))
    parked(daemon, "parked")
    ready(daemon, 2, "parked")
    killed = zygote_processes(daemon, 3)  # other apps' too, which may have been killed thrice by now
    assert len(killed) >= 3
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(zygote_processes(daemon, 3)) >= 3, 20, "others in their place")
    parked(daemon, "parked")
    ready(daemon, 2, "parked")


def test_what_ends_again_and_again_is_not_parked_for_ever(daemon, scripts):
    suicide = "import os, threading; threading.Timer(0.2, os._exit, [1]).start()"
    daemon.deploy(write(scripts, SNAPPED.format(name="suicidal", call=suicide), "suicidal"))
    eventually(lambda: endings(daemon, "suicidal") == 3, 60, "three attempts")
    time.sleep(5)  # a fourth one would take 2
    assert endings(daemon, "suicidal") == 3
    assert in_reserve(daemon, "suicidal", "parked") == 0


def endings(daemon, app: str) -> int:
    return len([line for line in daemon.log().splitlines() if f" {app}/" in line and "no container is parked" in line])


def test_the_reserve_of_a_stopped_app_goes(daemon):
    (app,) = (each["app_id"] for each in daemon.status()["apps"] if each["name"] == "guarded")
    ready(daemon, 1, "guarded")
    done = daemon.bimodal("app", "stop", "-y", "guarded")
    assert done.status == 0, done.output
    assert app not in [standby["app_id"] for standby in daemon.status()["standbys"]]
