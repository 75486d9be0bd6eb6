"""Volumes by the official client: commands and SDK from outside, mounted in containers."""

import json

import pytest
from support.apps import write
from support.waiting import eventually

# `volume` and the module `os` are there for the code that a caller sends.
APP = """
import os

import modal

app = modal.App("shelves")
volume = modal.Volume.from_name("shelf", create_if_missing=True)
other = modal.Volume.from_name("other", create_if_missing=True, version=2)


def run(code: str):
    names = {"os": os, "volume": volume}
    try:
        exec(code, names)
    except BaseException as why:
        return {"stopped": type(why).__name__, "why": str(why)}
    return {"result": names.get("result")}


@app.function(volumes={"/data": volume, "/deep/er/other": other}, max_containers=1, scaledown_window=300)
@modal.fastapi_endpoint(method="POST")
def writer(data: dict):
    return run(data["code"])


@app.function(volumes={"/data": volume}, max_containers=1, scaledown_window=300)
@modal.fastapi_endpoint(method="POST")
def reader(data: dict):
    return run(data["code"])


@app.function(
    volumes={"/data": volume.with_mount_options(read_only=True), "/part": other.with_mount_options(sub_path="a/b")},
    max_containers=1,
    scaledown_window=2,
)
@modal.fastapi_endpoint(method="POST")
def guest(data: dict):
    return run(data["code"])
"""


def ok(done):
    assert done.status == 0, done.output
    return done.output


def sdk(daemon, code):
    return ok(daemon.python("import io, modal\n" + code)).splitlines()


@pytest.fixture(scope="module")
def urls(daemon, tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    return daemon.deploy(write(folder, APP, "shelves"))


@pytest.fixture(scope="module")
def inside(daemon, urls):
    def run(function, code):
        url = next(url for url in urls if function in url)
        answer = daemon.post(url, json={"code": code})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def result(function, code):
        outcome = run(function, code)
        assert "result" in outcome, outcome
        return outcome["result"]

    result.run = run
    return result


def test_writes_show_after_commit_and_reload(daemon, inside):
    inside("reader", "result = os.listdir('/data')")
    wrote = """
os.makedirs('/data/sub/empty')
open('/data/a.txt', 'w').write('one')
open('/data/sub/run.sh', 'w').write('#!')
os.chmod('/data/sub/run.sh', 0o755)
os.symlink('a.txt', '/data/link')
open('/data/large', 'wb').write(b'x' * (20 << 20) + b'end')
"""
    inside("writer", wrote)
    assert inside("reader", "volume.reload(); result = os.path.exists('/data/a.txt')") is False
    inside("writer", "volume.commit()")
    assert inside("reader", "result = os.path.exists('/data/a.txt')") is False
    seen = inside(
        "reader",
        "volume.reload()\n"
        "result = [sorted(os.listdir('/data')), open('/data/link').read(), os.path.getsize('/data/large'),"
        " os.access('/data/sub/run.sh', os.X_OK), os.listdir('/data/sub/empty'), os.readlink('/data/link')]",
    )
    assert seen == [["a.txt", "large", "link", "sub"], "one", (20 << 20) + 3, True, [], "a.txt"]
    assert sdk(daemon, "print(b''.join(modal.Volume.from_name('shelf').read_file('large'))[-4:])") == ["b'xend'"]

    inside("reader", "open('/data/a.txt', 'w').write('two'); os.remove('/data/large'); volume.commit()")
    changed = "volume.reload(); result = [open('/data/a.txt').read(), os.path.exists('/data/large')]"
    assert inside("writer", changed) == ["two", False]
    # Made and removed again within one container.
    inside("writer", "open('/data/brief', 'w').write('x'); volume.commit(); os.remove('/data/brief'); volume.commit()")
    assert inside("reader", "volume.reload(); result = os.path.exists('/data/brief')") is False
    # A directory that is made anew hides what was in it.
    inside("writer", "import shutil; shutil.rmtree('/data/sub'); os.mkdir('/data/sub'); volume.commit()")
    assert inside("reader", "volume.reload(); result = os.listdir('/data/sub')") == []


def test_an_open_file_keeps_a_reload_from_happening(daemon, inside):
    inside("writer", "global_file = open('/data/open', 'w'); import builtins; builtins.kept = global_file")
    inside("reader", "open('/data/news', 'w').write('x'); volume.commit()")
    refused = inside.run("writer", "volume.reload()")
    assert refused["stopped"] == "RuntimeError" and "there are open files preventing the operation" in refused["why"]
    assert inside("writer", "kept.close(); volume.reload(); result = os.path.exists('/data/news')") is True
    assert inside("writer", "result = os.path.exists('/data/open')") is True


def test_what_a_container_wrote_is_committed_whatever_way_it_ends(daemon, urls, inside):
    assert inside("guest", "result = os.listdir('/part')") == []
    inside("guest", "open('/part/last', 'w').write('words')")
    read = "import modal; print(b''.join(modal.Volume.from_name('other').read_file('a/b/{}')))"
    eventually(lambda: daemon.python(read.format("last")).output.strip() == "b'words'", 60, "a commit at the end")
    url = next(url for url in urls if "guest" in url)
    code = "f = open('/part/killed', 'w'); f.write('cry'); f.flush(); os.kill(os.getpid(), 9)"
    assert daemon.post(url, json={"code": code}).status_code == 500
    eventually(lambda: daemon.python(read.format("killed")).output.strip() == "b'cry'", 60, "a commit after the end")


def test_a_read_only_mount_can_not_be_written_to(daemon, inside):
    refused = inside.run("guest", "open('/data/x', 'w')")
    assert refused["stopped"] == "OSError" and "Read-only" in refused["why"]


@pytest.mark.parametrize("version", ["1", "2"])
def test_the_commands_put_list_copy_get_and_remove(daemon, scripts, version):
    name = f"files-{version}"

    def said(*words):
        return ok(daemon.bimodal("volume", *words, cwd=scripts))

    (scripts / "tree" / "sub").mkdir(parents=True)
    (scripts / "tree" / "one.txt").write_text("one")
    (scripts / "tree" / "zeros").write_bytes(b"z" + bytes(9 << 20))
    (scripts / "tree" / "sub" / "two.bin").write_bytes(bytes(range(256)) * 80_000)  # 20 MB
    said("create", name, "--version", version)
    said("put", name, "tree", "/in/")
    again = daemon.bimodal("volume", "put", name, "tree", "/in/", cwd=scripts)
    assert again.status != 0 and "exists in the volume" in again.output
    said("put", name, "tree", "/in/", "--force")
    listed = {row["filename"]: row for row in json.loads(said("ls", name, "/in/tree", "--json"))}
    assert sorted(listed) == ["in/tree/one.txt", "in/tree/sub", "in/tree/zeros"]
    assert listed["in/tree/one.txt"]["size"] == 3 and listed["in/tree/sub"]["type"] == "dir"
    (scripts / "out").mkdir()
    said("get", name, "/in/tree", "out")
    for file in ("one.txt", "zeros", "sub/two.bin"):
        assert (scripts / "out" / "tree" / file).read_bytes() == (scripts / "tree" / file).read_bytes(), file
    assert said("get", name, "in/tree/one.txt", "-").startswith("one")
    said("cp", name, "in/tree/one.txt", "copy.txt")
    if version == "1":  # the client copies no directories of these
        said("put", name, "tree", "copied")
    else:
        said("cp", name, "-r", "in/tree", "copied")
    said("rm", name, "in/tree", "-r")
    assert said("ls", name, "copied").split() == ["copied/one.txt", "copied/sub", "copied/zeros"]
    for words, message in [
        (["get", name, "in/tree/one.txt", "x"], "No file or directory 'in/tree/one.txt'"),
        (["rm", name, "copied"], "is a directory"),
        (["rm", name, "none"], "No file or directory 'none'"),
        (["ls", name, "none"], "No file or directory 'none'"),
    ]:
        refused = daemon.bimodal("volume", *words, cwd=scripts)
        assert refused.status != 0 and message in refused.output, (words, refused.output)
    said("rename", name, f"{name}-new", "--yes")
    assert f"{name}-new" in said("list", "--json")
    said("delete", f"{name}-new", "--yes")
    gone = daemon.bimodal("volume", "ls", f"{name}-new")
    assert gone.status != 0 and "not found in environment 'main'" in gone.output


def test_the_sdk_writes_batches_and_reads_parts(daemon):
    code = """
for version in (1, 2):
    with modal.Volume.ephemeral(version=version) as volume:
        with volume.batch_upload() as batch:
            batch.put_file(io.BytesIO(b"some"), "/a/b/some.txt")
            batch.put_file(io.BytesIO(b""), "/empty")
        assert [(each.path, each.type.name) for each in volume.iterdir("/")] == [
            ("a", "DIRECTORY"), ("a/b", "DIRECTORY"), ("a/b/some.txt", "FILE"), ("empty", "FILE")]
        assert [each.path for each in volume.listdir("/a/b/some.txt")] == ["a/b/some.txt"]
        assert b"".join(volume.read_file("a/b/some.txt")) == b"some" and not b"".join(volume.read_file("empty"))
        volume.copy_files(["a/b/some.txt", "empty"], "a")
        assert sorted(each.path for each in volume.listdir("a")) == ["a/b", "a/empty", "a/some.txt"]
        volume.remove_file("a", recursive=True)
        for wrong in (
            lambda: volume.remove_file("a"),
            lambda: list(volume.read_file("a")),
            lambda: volume.commit(),
            lambda: modal.Volume.from_name("shelves", version=1, create_if_missing=True).hydrate() and
                    modal.Volume.from_name("shelves", version=2).hydrate(),
        ):
            try:
                wrong()
            except Exception as why:
                print(type(why).__name__)
        try:
            with volume.batch_upload() as batch:
                batch.put_file(io.BytesIO(b"x"), "/../escape")
        except modal.exception.InvalidError as why:
            print(why)
"""
    said = sdk(daemon, code)
    expected = ["FileNotFoundError", "FileNotFoundError", "RuntimeError", "InvalidError"]
    assert said[:4] == expected and said[5:9] == expected and 'has ".."' in said[4]
