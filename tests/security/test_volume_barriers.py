"""What a container may not reach through a volume: other volumes, the server's blobs, the host's files."""

import json

import pytest
from support.apps import write
from support.inside import Inside

APP = """
import os

import modal

app = modal.App("burglar")
volume = modal.Volume.from_name("loot", create_if_missing=True)


@app.function(volumes={"/data": volume}, max_containers=1, scaledown_window=300)
@modal.fastapi_endpoint(method="POST")
def burgle(data: dict):
    names = {"os": os, "volume": volume}
    try:
        exec(data["code"], names)
    except BaseException as why:
        return {"stopped": type(why).__name__, "why": str(why)}
    return {"result": names.get("result")}
"""

SECRET = "of the host, not of the volume"


@pytest.fixture(scope="module")
def burglar(daemon, tmp_path_factory):
    (url,) = daemon.deploy(write(tmp_path_factory.mktemp("app"), APP, "burglar"))
    return Inside(daemon, url)


def names_in(daemon, path="/"):
    done = daemon.bimodal("volume", "ls", "loot", path, "--json")
    assert done.status == 0, done.output
    return {row["filename"]: row for row in json.loads(done.output)}


def test_links_out_of_the_volume_are_kept_as_links_and_never_followed(daemon, burglar, tmp_path):
    host = tmp_path / "secret"
    host.write_text(SECRET)
    burglar.result(
        f"os.symlink({str(host)!r}, '/data/file-link'); os.symlink({str(tmp_path)!r}, '/data/folder-link')\n"
        "os.symlink('/', '/data/root'); os.symlink('../../../../../../etc/shadow', '/data/shadow'); volume.commit()"
    )
    assert {row["type"] for name, row in names_in(daemon).items() if "link" in name} == {"link"}
    for name in ("file-link", "folder-link/secret", "root/etc/shadow", "shadow"):
        got = daemon.bimodal("volume", "get", "loot", name, "-").output
        assert SECRET not in got and "root:" not in got
    # A directory where a link was committed, and the other way round.
    burglar.result(
        "os.remove('/data/folder-link'); os.mkdir('/data/folder-link'); open('/data/folder-link/x', 'w').write('x')\n"
        "volume.commit(); volume.reload()\n"
        "import shutil; shutil.rmtree('/data/folder-link'); os.symlink('/tmp', '/data/folder-link')\n"
        "volume.commit(); volume.reload(); result = os.readlink('/data/folder-link')"
    )
    assert list(tmp_path.iterdir()) == [host] and host.read_text() == SECRET


def test_a_hard_link_reaches_no_blob_of_the_server(daemon, burglar):
    daemon.python("import io, modal; v = modal.Volume.from_name('loot')\n"
                  "with v.batch_upload() as b: b.put_file(io.BytesIO(b'genuine'), '/original')")  # fmt: skip
    burglar.result(
        "volume.reload(); os.link('/data/original', '/data/copy'); open('/data/copy', 'a').write(' tampered')\n"
        "os.chmod('/data/original', 0o666)"
    )
    blobs = [file.read_bytes() for file in (daemon.home / "blobs").glob("??/*")]
    assert b"genuine" in blobs
    assert burglar.result("volume.commit(); result = open('/data/copy').read()") == "genuine tampered"
    burglar.result("os.truncate('/data/original', 0); volume.commit()")
    assert b"genuine" in [file.read_bytes() for file in (daemon.home / "blobs").glob("??/*")]


def test_devices_and_sockets_do_not_become_files_of_the_volume(daemon, burglar):
    outcome = burglar.run("os.mknod('/data/device', 0o666 | 0o020000, os.makedev(1, 1))")
    assert outcome["stopped"] == "PermissionError"
    burglar.result(
        "import socket; os.mkfifo('/data/pipe'); socket.socket(socket.AF_UNIX).bind('/data/socket'); volume.commit()"
    )
    assert not {"pipe", "socket", "device"} & names_in(daemon).keys()


def test_names_that_the_protocol_can_not_carry_are_left_out(daemon, burglar):
    burglar.result("open(b'/data/\\xff\\xfe', 'w').write('x'); open('/data/plain', 'w').write('x'); volume.commit()")
    assert "plain" in names_in(daemon)


def test_a_container_can_not_touch_its_mounts(burglar):
    for code in ("os.rename('/data', '/moved')", "os.rmdir('/data')"):
        assert burglar.run(code)["stopped"] == "OSError"


def test_a_reload_does_not_follow_a_path_that_user_code_bent(daemon, burglar):
    burglar.result("volume.reload(); os.chdir('/')")
    daemon.python("import io, modal; v = modal.Volume.from_name('loot')\n"
                  "with v.batch_upload() as b: b.put_file(io.BytesIO(b'n'), '/new-for-reload')")  # fmt: skip
    # The mount point itself can't be moved, so a reload finds it or nothing at all; /proc stays masked either way.
    burglar.run("os.symlink('/proc', '/data2')")
    assert burglar.result("volume.reload(); result = os.path.exists('/data/new-for-reload')") is True
    assert burglar.run("open('/proc/kcore', 'rb').read(1)").get("result") is None


@pytest.mark.parametrize("path", ["/", "/proc/self", "/dev/shm", "/__modal/x", "/etc", "/pkg/modal", "/a/../proc"])
def test_a_volume_is_not_mounted_over_what_the_server_mounts(daemon, scripts, path):
    script = write(scripts, APP.replace('"/data"', repr(path)).replace('"burglar"', '"nowhere"'), "nowhere")
    done = daemon.bimodal("deploy", script)
    # The client refuses some by itself, in words of its own.
    refusals = ("can't mount a volume at", "must be a canonical", "cannot be mounted into root")
    assert done.status != 0 and any(words in done.output for words in refusals), done.output
