"""Image.run_function(), build secrets, and images by their id."""

import json
import shutil
import uuid

import pytest
from support.apps import write
from support.command import run
from support.paths import LAYERS, PYTHON

APP = """
import json
import os
import socket
from pathlib import Path

import modal

app = modal.App("built")
secret = modal.Secret.from_dict({{"BUILD_KEY": os.environ.get("KEY", "")}})
volume = modal.Volume.from_name("built", create_if_missing=True)
WORD = "{unique}"


def make_{unique}(name, times=1):
    print("making", name, "with", len(os.environ["BUILD_KEY"]), "letters")
    Path("/root/made_here.py").write_text(f"TEXT = {{(name * times + WORD)!r}}")
    Path("/volume/kept.txt").write_text(name)
    socket.socket(socket.AF_UNIX).connect("/__modal/api/api.sock")


def again_{unique}():
    import made_here

    Path("/again.txt").write_text(made_here.TEXT + modal.current_function_call_id()[:3])


commands = modal.Image.debian_slim(python_version="3.11").env({{"COLOUR": "blue"}}).run_commands(
    "printf %s {unique}-$COLOUR-${{#BUILD_KEY}} > /length", secrets=[secret]
)
image = commands.run_function(
    make_{unique}, args=("x",), kwargs={{"times": 2}}, secrets=[secret], volumes={{"/volume": volume}}
).run_function(again_{unique})
if "IMAGE_ID" in os.environ:
    image = modal.Image.from_id(os.environ["IMAGE_ID"])

with image.imports():
    import made_here


@app.function(image=image)
def look():
    return {{
        "imported": made_here.TEXT,
        "again": Path("/again.txt").read_text(),
        "length": Path("/length").read_text(),
        "volume": os.listdir("/volume"),
        "key": os.environ.get("BUILD_KEY"),
    }}


@app.local_entrypoint()
def main():
    print(json.dumps({{"id": image.object_id, **look.remote()}}))
"""

WRONG = """
import time
from pathlib import Path

import modal

app = modal.App("wrong")


def fail_{unique}():
    Path("/root/half.txt").write_text("half")
    raise ValueError("no such luck")


def sleep_{unique}():
    time.sleep(60)


image = modal.Image.debian_slim(python_version="3.11").run_function({step})


@app.function(image=image)
def look():
    pass


@app.local_entrypoint()
def main():
    look.remote()
"""

KEY = "correct-horse-battery-staple"


@pytest.fixture
def unique():
    """A word for names of functions: their layers are new, and removed from the shared ones."""
    word = uuid.uuid4().hex[:12]
    yield word
    for key, layer in layers_of(word):
        key.unlink()
        shutil.rmtree(layer)


def layers_of(word: str):
    """Key files and directories of the layers that a test's functions made, in no order."""
    for key in (LAYERS / "keys").glob("*.json"):
        entry = json.loads(key.read_text())
        if word in entry["origin"]:
            yield key, LAYERS / entry["layer"]


def files_in(layer):
    return sorted(str(path.relative_to(layer)) for path in layer.rglob("*") if not path.is_dir())


def run_app(daemon, script, **environment):
    done = daemon.bimodal("run", script, cwd=script.parent, **environment)
    assert done.status == 0, done.output + daemon.log()[-4000:]
    (line,) = (line for line in done.output.splitlines() if line.startswith('{"id"'))
    return done.output, json.loads(line)


def test_a_function_of_the_build_leaves_its_files_and_nothing_of_its_secrets(daemon, scripts, unique):
    script = write(scripts, APP.format(unique=unique), "built")
    output, first = run_app(daemon, script, KEY=KEY)
    assert f"making x with {len(KEY)} letters" in output
    assert first["imported"] == "xx" + unique and first["again"] == first["imported"] + "fc-"
    assert first["length"] == f"{unique}-blue-{len(KEY)}"
    assert first["key"] is None and first["volume"] == [], "neither a secret nor a volume is part of the image"
    kept = daemon.bimodal("volume", "get", "built", "kept.txt", "-")
    assert "x" in kept.output

    files = [file for _, layer in layers_of(unique) for file in files_in(layer)]
    assert sorted(files) == ["again.txt", "length", "root/made_here.py"]
    where_it_must_not_be = [layer / name for _, layer in layers_of(unique) for name in files_in(layer)]
    where_it_must_not_be += [daemon.home / "state.db", daemon.home / "state.db-wal", daemon.home / "daemon.log"]
    assert not [file for file in where_it_must_not_be if KEY.encode() in file.read_bytes()]
    assert KEY not in output

    # Neither a new value of a secret nor a new run builds anything again.
    output, second = run_app(daemon, script, KEY="another value")
    assert "making" not in output and second == first
    output, by_id = run_app(daemon, script, IMAGE_ID=first["id"])
    assert by_id == first

    delete = f"import modal.experimental as e; e.image_delete('{first['id']}')"
    assert run([PYTHON, "-c", delete], daemon.client_environment).status == 0
    gone = daemon.bimodal("run", script, cwd=scripts, IMAGE_ID=first["id"])
    assert gone.status != 0 and f"no image {first['id']}" in gone.output, gone.output


def test_a_function_that_fails_or_takes_too_long_fails_the_build_by_name(daemon, scripts, unique):
    for step, reasons in {
        f"fail_{unique}": ["Traceback (most recent call last)", "failed: ValueError: no such luck"],
        f"sleep_{unique}, timeout=1": [f"run_function(sleep_{unique}) took longer than 1 s (timeout=)"],
    }.items():
        script = write(scripts, WRONG.format(unique=unique, step=step), "wrong")
        done = daemon.bimodal("run", script, cwd=scripts)
        assert done.status != 0, done.output
        assert not [reason for reason in reasons if reason not in " ".join(done.output.split())], done.output
    assert list(layers_of(unique)) == []
