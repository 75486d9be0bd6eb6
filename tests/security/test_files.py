"""What a container must not see of the host, of the daemon and of other apps."""

from pathlib import Path

from support.apps import write_hello

# Every path, but those under /proc, for which the condition holds.
FIND = """
import os, stat
result = []
for folder, folders, names in os.walk('/'):
    if folder == '/':
        folders.remove('proc')
    for name in names:
        path = os.path.join(folder, name)
        try:
            if {condition}:
                result.append(path)
        except OSError:
            pass
"""


def read(path) -> str:
    return f"result = open({str(path)!r}, 'rb').read().decode(errors='replace')"


def test_the_host_s_accounts_are_hidden(inside):
    outcome = inside.run(read("/etc/shadow"))
    assert outcome.get("result") != Path("/etc/shadow").read_text()


def test_the_home_directory_is_hidden(daemon, inside, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    assert inside.run(read(secret))["stopped"] == "FileNotFoundError"
    assert inside.run(read(daemon.home / "keys" / "token.json"))["stopped"] == "FileNotFoundError"
    assert inside.run(f"import os; result = os.listdir({str(daemon.home)!r})")["stopped"] == "FileNotFoundError"


def test_another_app_s_files_are_hidden(daemon, inside, scripts):
    (url,) = daemon.deploy(write_hello(scripts, "neighbour", app="neighbour"))
    daemon.get(url)
    assert inside.result(FIND.format(condition="name == 'neighbour.py'")) == []


def test_other_processes_are_hidden(inside):
    pids = inside.result("import os; result = [int(n) for n in os.listdir('/proc') if n.isdigit()]")
    assert 1 in pids and len(pids) < 10


def test_the_daemon_s_sockets_are_hidden(inside):
    # Its own API socket and its own web socket, nobody else's.
    assert len(inside.result(FIND.format(condition="stat.S_ISSOCK(os.lstat(path).st_mode)"))) <= 2


def test_the_daemon_s_environment_and_token_are_not_inherited(daemon, inside):
    values = inside.result("import os; result = ' '.join(f'{k}={v}' for k, v in os.environ.items())")
    assert daemon.token["secret"] not in values
    assert str(daemon.home) not in values


def test_no_descriptor_of_the_daemon_is_open_inside(daemon, inside):
    opened = inside.result(
        "import os\n"
        "result = []\n"
        "for n in os.listdir('/proc/self/fd'):\n"
        "    try: result.append(os.readlink(f'/proc/self/fd/{n}'))\n"
        "    except OSError: pass\n"
    )
    assert not [path for path in opened if str(daemon.home) in path or path.endswith((".db", ".lock"))]


def test_image_layers_do_not_change_through_a_container(daemon, inside, scripts):
    inside.result("open('/usr/bin/planted', 'w').write('x'); result = True")
    script = write_hello(scripts, "clean", app="looker")
    script.write_text(
        script.read_text().replace('return "clean"', "import os; return os.path.exists('/usr/bin/planted')")
    )
    (url,) = daemon.deploy(script)
    assert daemon.get(url).json() is False


def test_secrets_are_not_stored_readably(daemon):
    done = daemon.bimodal("secret", "create", "at-rest", "KEY=the-plain-value-of-a-secret")
    assert done.status == 0, done.output
    for file in daemon.home.rglob("*"):
        if file.is_file() and not file.is_relative_to(daemon.home / "layers"):
            assert b"the-plain-value-of-a-secret" not in file.read_bytes(), file
