"""An ordinary user, without sudo: builds images, serves and deploys apps, and leaves nothing behind."""

import os
import subprocess
from pathlib import Path

import pytest
from support.apps import write, write_hello
from support.inside import Inside
from support.ordinary_user import OrdinaryUser, UsersDaemon
from support.paths import BIMODAL, EXAMPLES, ROOT
from support.waiting import eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a user for the tests")

PROBE = ROOT / "tests/support/probe.py"
UNIT_TESTS = BIMODAL.parents[1] / "engine/sandbox/sandbox_test"
# The first step needs a way out; the second one makes whiteouts and an opaque directory.
BUILT = """
import modal

image = modal.Image.debian_slim(python_version="3.11").pip_install("idna=={version}").run_commands(
    "rm -r /var/mail /etc/skel && mkdir /etc/skel"
)
app = modal.App("{app}", image=image)


@app.function()
@modal.fastapi_endpoint()
def built():
    import os

    import idna

    return [idna.__version__, os.getuid(), os.listdir("/etc/skel"), os.path.exists("/var/mail")]
"""
SERVER = """
import subprocess

import modal

app = modal.App("server")


@app.function()
@modal.web_server(8000)
def files():
    subprocess.Popen(["python", "-m", "http.server", "8000", "--directory", "/etc"])
"""
ADDRESS_OF_ETH0 = """
import fcntl, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
result = socket.inet_ntoa(fcntl.ioctl(s, 0x8915, struct.pack("256s", b"eth0"))[20:24])
"""
CONNECT = "import socket; result = socket.create_connection(({!r}, {}), 5)"


@pytest.fixture(scope="module")
def user():
    with OrdinaryUser() as made:
        yield made


@pytest.fixture(scope="module")
def daemon(user):
    running = UsersDaemon(user).start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def inside(daemon):
    done = daemon.bimodal("deploy", daemon.own(PROBE), cwd=daemon.user.work)
    assert done.status == 0, done.output + daemon.log()
    # No cgroup is delegated to this user, which must be said where limits are asked for.
    assert "memory and cpu limits are not enforced" in done.output
    return {name: Inside(daemon, next(url for url in done.urls if name in url)) for name in ("probe-probe", "offline")}


def test_functions_and_classes_answer(daemon):
    (url,) = daemon.deploy(EXAMPLES / "hello.py")
    assert daemon.get(url, params={"name": "you"}).json() == {"message": "Hello, you!"}
    (url,) = daemon.deploy(EXAMPLES / "model_service.py")
    assert daemon.post(url, json={"text": "a great day"}).json() == {"score": 2}


def test_a_server_on_a_port_answers(daemon):
    (url,) = daemon.deploy(write(daemon.user.work, SERVER, "server"))
    for _ in range(3):
        assert daemon.get(url + "/os-release").text.startswith("PRETTY_NAME")


def test_the_daemon_is_a_process_of_the_user(daemon):
    assert Path(f"/proc/{daemon.info['pid']}").stat().st_uid == daemon.user.work.stat().st_uid


def test_status_names_the_limits_that_nothing_holds(daemon):
    assert "memory and cpu limits are not enforced" in daemon.bimodal("status").output


def test_containers_see_neither_the_host_nor_each_other(daemon, inside):
    probe = inside["probe-probe"]
    shadow = probe.run("result = open('/etc/shadow').read()")
    assert shadow.get("result") != Path("/etc/shadow").read_text()
    for hidden in (daemon.home / "keys" / "token.json", daemon.user.work / "hello.py"):
        assert probe.run(f"result = open({str(hidden)!r}).read()")["stopped"] == "FileNotFoundError"
    assert probe.result("import os; result = os.path.exists('/root/hello.py')") is False
    pids = probe.result("import os; result = [int(n) for n in os.listdir('/proc') if n.isdigit()]")
    assert 1 in pids and len(pids) < 10
    assert probe.call("mount", 0, 0, 0, 0, 0) == "EPERM"
    assert probe.call("unshare", 0x10000000) == "EPERM"


def test_the_host_is_out_of_reach_and_block_network_blocks(daemon, inside):
    address = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()[0]
    port = daemon.info["web"].rpartition(":")[2]
    own = inside["probe-probe"].result(ADDRESS_OF_ETH0)
    assert own.startswith("10.")
    # slirp4netns would take its own two addresses to the host's loopback.
    network = own.removesuffix(".100")
    for host in (address, "127.0.0.1", f"{network}.2", f"{network}.3"):
        assert "stopped" in inside["probe-probe"].run(CONNECT.format(host, port))
    assert inside["offline"].result(ADDRESS_OF_ETH0).startswith("10.")
    assert "unreachable" in inside["offline"].run(CONNECT.format("192.0.2.1", 80))["why"]


def test_images_are_built(daemon):
    script = write(daemon.user.work, BUILT.format(app="built", version="3.10"), "built")
    (url,) = daemon.deploy(script)
    assert daemon.get(url).json() == ["3.10", 0, [], False]


def test_serve_reloads_and_logs_and_stop_work(daemon):
    script = write_hello(daemon.user.work, "first", app="reloaded")
    with daemon.serve(script) as serving:
        (url,) = serving.urls
        assert daemon.get(url).json() == "first"
        write_hello(daemon.user.work, "second", app="reloaded")
        eventually(lambda: daemon.get(url).text == '"second"', 30, "the second version")
    script.write_text(script.read_text().replace('return "second"', 'print("printed inside"); return "second"'))
    (url,) = daemon.deploy(script)
    daemon.get(url)
    eventually(lambda: "printed inside" in daemon.bimodal("app", "logs", "reloaded").output, 20, "the printed line")
    assert daemon.bimodal("app", "stop", "reloaded", "--yes").status == 0
    eventually(lambda: daemon.get(url).status_code == 404, 10, "the end of the app")


def test_a_killed_daemon_leaves_nothing_and_comes_back(daemon):
    (url,) = daemon.deploy(EXAMPLES / "model_service.py")
    daemon.post(url, json={"text": "good"})
    port = daemon.info["web"].rpartition(":")[2]
    daemon.kill()
    daemon.leaks.check_processes()
    daemon.environment["BIMODAL_WEB"] = f"127.0.0.1:{port}"
    daemon.start()
    assert daemon.containers() == []
    assert daemon.post(url, json={"text": "good"}).json() == {"score": 1}


def test_doctor_finds_everything_in_place(daemon):
    done = daemon.bimodal("doctor")
    assert done.status == 0, done.output
    assert "network egress: slirp4netns" in done.output
    assert "cgroups: memory and cpu limits are not enforced" in done.output


def test_without_a_tun_device_doctor_and_deployments_say_what_to_do(user):
    daemon = UsersDaemon(user)
    daemon.use_tun(False)
    try:
        assert "remedy: as root: chmod 0666 /dev/net/tun" in daemon.bimodal("doctor").output
        daemon.start()
        script = write(user.work, BUILT.format(app="networked", version="3.9"), "networked")
        done = daemon.bimodal("deploy", daemon.own(script), cwd=user.work)
        assert done.status != 0
        assert "network egress: /dev/net/tun can't be opened by ordinary users" in done.output
    finally:
        daemon.close()


def test_a_home_and_layers_of_another_user_are_refused(user):
    daemon = UsersDaemon(user)
    foreign = user.folder / "of-root"
    foreign.mkdir(mode=0o755)
    try:
        for refused in (daemon.bimodal("up", "--home", foreign), daemon.bimodal("up", BIMODAL_LAYERS=str(foreign))):
            assert refused.status != 0
            assert "belongs to another user" in refused.output
    finally:
        daemon.close()


@pytest.mark.skipif(not UNIT_TESTS.exists(), reason="the unit tests aren't built")
def test_the_sandbox_s_own_tests_pass_for_an_ordinary_user(user):
    done = subprocess.run(
        [str(word) for word in user.command(UNIT_TESTS, "--gtest_brief=1")],
        env={**os.environ, "HOME": str(user.work), "TMPDIR": str(user.work)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_without_subordinate_ids_the_remedy_is_named(user):
    daemon = UsersDaemon(user)
    user.take_subordinate_ids()
    try:
        for command in ("up", "doctor"):
            done = daemon.bimodal(command)
            assert done.status != 0
            assert "usermod --add-subuids" in done.output
    finally:
        daemon.close()
