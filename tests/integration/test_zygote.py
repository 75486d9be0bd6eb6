"""Containers that are forked: what they share, what they must not, and that they need nothing of their zygote's process."""

import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.apps import write
from support.command import run
from support.forks import unshared_bytes, zygote_processes
from support.paths import PYTHON
from support.waiting import eventually

# Waits until all of a burst have a container: so each has one of its own.
APP = """
import modal

app = modal.App("{app}")


@app.function(max_containers=20, scaledown_window=300)
@modal.fastapi_endpoint(method="POST")
def facts(seconds: float = 0.0):
    import __main__, gc, multiprocessing, os, random, ssl, tempfile, time, uuid

    status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
    time.sleep(seconds)
    gc.unfreeze()
    values = (value for thing in gc.get_objects() if type(thing) is dict for value in list(thing.values()))
    return {{
        "random": [ssl.RAND_bytes(8).hex(), os.urandom(8).hex(), str(random.random()), str(uuid.uuid4()),
                   tempfile.mktemp(), multiprocessing.current_process().authkey.hex()],
        "forked": status["Seccomp_filters"].strip() == "2",
        "host": open("/proc/sys/kernel/random/boot_id").read(),
        "inside": sorted(name for name in os.listdir("/proc") if name.isdigit()),
        "task": os.environ["MODAL_TASK_ID"],
        "names": sorted({{value for value in values if type(value) is str and value[:3] == "ta-"}}),
        "argument": __main__.container_args.task_id,
        "late": "BIMODAL_ZYGOTE=function" in open("/proc/self/environ").read(),
    }}


{more}
"""

THREADS = """
@app.function(image=modal.Image.debian_slim().run_commands("{command}"))
@modal.fastapi_endpoint()
def threaded():
    return "threaded"
"""

AT_ONCE = 10
MAX_USS = 8 << 20


def stop_containers(daemon):
    for container in daemon.containers():
        words = [PYTHON, "-m", "modal", "container", "stop", "-y", container["task_id"]]
        done = run(words, daemon.client_environment)
        assert done.status == 0, done.output
    eventually(lambda: not daemon.containers(), 20, "no container left")


@pytest.fixture(scope="module")
def url(daemon, tmp_path_factory):
    (one,) = daemon.deploy(write(tmp_path_factory.mktemp("app"), APP.format(app="forked", more=""), "forked"))
    daemon.wait_for_reserve()
    return one


def at_once(daemon, url: str, count: int) -> list[dict]:
    with ThreadPoolExecutor(count) as threads:
        answers = list(threads.map(lambda _: daemon.post(url, params={"seconds": 3}), range(count)))
    assert [answer.status_code for answer in answers] == [200] * count
    return [answer.json() for answer in answers]


def test_many_starts_at_once_are_forks_that_share_no_randomness_and_no_process(daemon, url):
    assert len(zygote_processes(daemon, depth=2)) == 2  # of the image, of the function
    found = {each["task"]: each for each in at_once(daemon, url, AT_ONCE)}.values()
    assert len(found) > AT_ONCE / 2  # on a slow machine the first may be free again before the last is needed
    assert all(each["forked"] for each in found)
    for one_kind in zip(*(each["random"] for each in found), strict=True):
        assert len(set(one_kind)) == len(found), one_kind
    assert {len(each["inside"]) for each in found} == {2}  # init and itself
    # One was parked and two waited; the others are forked where the function's code begins, and named since: nobody is
    # called as its zygote was.
    late = sum(each["late"] for each in found)
    assert late > len(found) / 3 and len(found) - late >= 3, [each["late"] for each in found]
    for each in found:
        assert each["names"] == [each["task"]] and each["argument"] == each["task"], each


def test_an_idle_container_in_reserve_has_few_megabytes_of_its_own(daemon, url):
    stop_containers(daemon)
    daemon.wait_for_reserve()
    sizes = sorted(unshared_bytes(pid) for pid in zygote_processes(daemon, depth=3))
    print(
        "\nmemory of their own, of containers in reserve (one of them parked):", [size >> 10 for size in sizes], "KiB"
    )
    assert len(sizes) >= 2
    assert max(sizes[:2]) <= MAX_USS


def test_containers_go_on_without_their_zygote_and_another_one_takes_its_place(daemon, url):
    before = daemon.post(url).json()
    zygotes = zygote_processes(daemon, depth=2)
    assert zygotes
    for zygote in zygotes:
        os.kill(zygote, signal.SIGKILL)
    assert daemon.post(url).json()["task"] == before["task"]
    stop_containers(daemon)
    assert daemon.post(url).json()["task"] != before["task"]  # one that was forked before
    eventually(
        lambda: set(zygote_processes(daemon, depth=2)) - set(zygotes) or nudge(daemon, url), 60, "another zygote"
    )


def nudge(daemon, url: str) -> bool:
    """A start lets the daemon look after its reserve."""
    stop_containers(daemon)
    assert daemon.post(url).status_code == 200
    return False


def test_what_has_threads_after_its_imports_is_not_forked_and_log_and_doctor_say_so(daemon, tmp_path):
    # A .pth file of the image runs at every start of its Python.
    line = "import threading, time; threading.Thread(target=time.sleep, args=(1e6,), daemon=True).start()"
    place = "$(python -c 'import site; print(site.getsitepackages()[0])')"
    more = THREADS.format(command=f"echo '{line}' > {place}/threads.pth")
    urls = daemon.deploy(write(tmp_path, APP.format(app="threaded", more=more), "threaded"))
    eventually(lambda: "has 1 threads of its own" in daemon.log(), 60, "a word in the log")
    daemon.wait_for_reserve()
    assert re.search(
        r"lacks .*: of threaded aren't forked: .* has 1 threads of its own", daemon.bimodal("doctor").output
    )
    assert daemon.get(next(one for one in urls if "threaded-threaded" in one)).json() == "threaded"
    done = daemon.bimodal("app", "stop", "-y", "threaded")
    assert done.status == 0, done.output


def test_the_zygote_of_a_stopped_app_goes(daemon, url):
    done = daemon.bimodal("app", "stop", "-y", "forked")
    assert done.status == 0, done.output
    eventually(lambda: not zygote_processes(daemon, depth=2), 20, "no zygote left")
