"""Mistakes of an app's author: a one-line cause where they look, and a daemon that goes on."""

import os
import subprocess

import pytest
from support.apps import write, write_hello


@pytest.fixture
def still_serving(daemon, scripts):
    """Fails when the daemon doesn't serve another app after the test's mistake."""
    folder = scripts / "good"
    folder.mkdir()
    yield
    (url,) = daemon.deploy(write_hello(folder, "alive", app="bystander"))
    assert daemon.get(url).json() == "alive"


def image_app(recipe: str, name: str) -> str:
    return f"""
import modal

app = modal.App("{name}", image={recipe})


@app.function()
@modal.fastapi_endpoint()
def hello():
    return "x"
"""


def test_a_syntax_error_is_shown_by_the_client(daemon, scripts, still_serving):
    done = daemon.bimodal("deploy", write(scripts, "def broken(:\n"))
    assert done.status != 0
    assert "SyntaxError" in done.output


def test_a_module_that_the_container_lacks_is_the_callers_500_and_in_the_logs(daemon, scripts, still_serving):
    script = write_hello(scripts, "x", app="lacking")
    script.write_text("import modal\nif not modal.is_local():\n    import no_such_module\n" + script.read_text())
    (url,) = daemon.deploy(script)
    answer = daemon.get(url)
    assert answer.status_code == 500
    assert answer.text.startswith("modal-http: internal error: status Failure: ")
    assert "No module named 'no_such_module'" in answer.text
    assert len(answer.text.strip().splitlines()) == 1
    assert "ModuleNotFoundError" in daemon.bimodal("app", "logs", "lacking").output


def test_a_version_that_cannot_start_leaves_the_old_one_serving(daemon, scripts):
    script = write_hello(scripts, "old", app="regressing")
    (url,) = daemon.deploy(script)
    assert daemon.get(url).json() == "old"
    script.write_text("import modal\nif not modal.is_local():\n    raise RuntimeError('no')\n" + script.read_text())
    daemon.bimodal("deploy", script)
    for _ in range(20):
        assert daemon.get(url).json() == "old"


def test_an_unknown_base_image_names_what_there_is(daemon, scripts, still_serving):
    script = write(scripts, image_app('modal.Image.from_registry("no-such-image:1")', "baseless"))
    done = daemon.bimodal("deploy", script)
    assert done.status != 0
    assert "no-such-image:1" in done.output
    assert "python:3.11" in done.output, done.output


def test_another_python_series_names_the_ones_that_are_available(daemon, scripts, still_serving):
    script = write(scripts, image_app('modal.Image.debian_slim(python_version="3.13")', "too-new"))
    done = daemon.bimodal("deploy", script)
    assert done.status != 0
    assert "3.13" in done.output and "3.11" in done.output


def test_a_package_that_does_not_exist_shows_the_failing_line(daemon, scripts, still_serving):
    recipe = 'modal.Image.debian_slim().pip_install("no-such-package-anywhere-at-all")'
    done = daemon.bimodal("deploy", write(scripts, image_app(recipe, "unpackaged")))
    assert done.status != 0
    assert "no-such-package-anywhere-at-all" in done.output
    assert "RUN" in done.output, done.output


def test_a_failing_command_shows_its_last_output(daemon, scripts, still_serving):
    recipe = 'modal.Image.debian_slim().run_commands("echo the last words; exit 3")'
    done = daemon.bimodal("deploy", write(scripts, image_app(recipe, "failing")))
    assert done.status != 0
    assert "the last words" in done.output


def test_a_wrong_label_is_refused_by_name(daemon, scripts, still_serving):
    script = write_hello(scripts, "x", app="labelled")
    script.write_text(script.read_text().replace("endpoint()", 'endpoint(label="no_such label")'))
    done = daemon.bimodal("deploy", script)
    assert done.status != 0
    assert "no_such label" in done.output


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_is_said_and_survived(fresh_daemon, scripts, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "tmpfs", small], check=True)
    try:
        daemon = fresh_daemon(home=small / "home")
        (url,) = daemon.deploy(write_hello(scripts, "small", app="small"))
        filler = small / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(1 << 16))
        refused = write_hello(scripts, "no room", app="more")
        refused.write_text(refused.read_text() + "# " + "x" * (2 << 20))
        done = daemon.bimodal("deploy", refused, timeout_s=120)
        assert done.status != 0
        assert "space" in done.output or "full" in done.output, done.output
        filler.unlink()
        assert daemon.get(url).json() == "small"
        daemon.deploy(refused)
        daemon.close()
    finally:
        subprocess.run(["umount", small], check=True)
