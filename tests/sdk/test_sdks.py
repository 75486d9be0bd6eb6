"""The official JavaScript and Go clients against what a Python client deployed."""

import os
import shutil
from pathlib import Path

import pytest
from support.command import run
from support.paths import ROOT

HERE = Path(__file__).parent
CACHE = ROOT / ".cache/sdk"  # what the package managers bring; kept between runs
NODE, NPM, GO = (shutil.which(name) for name in ("node", "npm", "go"))


IMAGE = """
import modal
image = modal.Image.debian_slim().env({"FRUIT": "apple"})
print(image.build(modal.App.lookup("answers")).object_id)
"""


@pytest.fixture(scope="module")
def answering(daemon):
    """The daemon with everything that the clients ask for."""
    daemon.deploy(HERE / "apps/answers.py")
    made = daemon.bimodal("secret", "create", "fruit-secret", "FRUIT=plum")
    assert made.status == 0, made.output
    # The clients have no way of their own to an image that needs no registry.
    image = daemon.python(IMAGE)
    assert image.status == 0, image.output
    return daemon, image.output.split()[-1]


def environment(daemon) -> dict[str, str]:
    # npm, go and their caches need the caller's own settings; the clients see nothing of the caller's Modal's.
    ours = {name: value for name, value in daemon.client_environment.items() if name.startswith("MODAL_")}
    return {**{name: value for name, value in os.environ.items() if not name.startswith("MODAL_")}, **ours}


def copy_of(folder: Path) -> Path:
    copy = CACHE / folder.name
    copy.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        if file.is_file():
            shutil.copy2(file, copy)
    return copy


def succeed(words: list, answering, folder: Path) -> str:
    daemon, image = answering
    done = run(words, {**environment(daemon), "IMAGE": image}, 300, folder)
    assert done.status == 0, done.output + "\n--- daemon log\n" + daemon.log()[-4000:]
    return done.output


@pytest.mark.skipif(not (NODE and NPM), reason="needs node and npm on PATH")
def test_the_javascript_client_calls_and_finds_objects(answering):
    folder = copy_of(HERE / "js")
    wanted, installed = folder / "package-lock.json", folder / "installed-lock.json"
    if not installed.exists() or installed.read_text() != wanted.read_text():
        succeed([NPM, "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"], answering, folder)
        shutil.copy(wanted, installed)
    assert "all of it" in succeed([NODE, "calls.mjs"], answering, folder)


@pytest.mark.skipif(not GO, reason="needs go on PATH")
def test_the_go_client_calls_and_finds_objects(answering):
    folder = copy_of(HERE / "go")
    program = folder / "calls"
    succeed([GO, "build", "-o", program, "."], answering, folder)
    assert "all of it" in succeed([program], answering, folder)
