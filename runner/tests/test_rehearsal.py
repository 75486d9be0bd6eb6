"""What a container in reserve plays before it is needed."""

import os
import subprocess
import sys

import pytest
from conftest import RUNNER_DIR, TIMEOUT


def run(program):
    environment = dict(os.environ, PYTHONPATH=str(RUNNER_DIR), PYTHONDONTWRITEBYTECODE="1")
    played = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=TIMEOUT
    )
    assert played.returncode == 0, played.stderr
    return played.stdout


@pytest.mark.parametrize("imported, scene", [("modal", "_client"), ("modal", "_app"), ("fastapi", "_fastapi")])
def test_a_scene_plays_to_its_end_and_leaves_nothing(imported, scene, tmp_path):
    program = f"""
import os, tempfile, threading, time
import {imported}
from bimodal_runner import rehearsal
tempfile.tempdir = {str(tmp_path)!r}
rehearsal.{scene}()

def threads():
    return [thread.name for thread in threading.enumerate() if "thread_inner" not in thread.name]

end = time.monotonic() + 5
while len(threads()) > 1 and time.monotonic() < end:
    time.sleep(0.01)
print(threads(), os.listdir(tempfile.tempdir))
"""
    assert run(program) == "['MainThread'] []\n"


def test_a_scene_that_fails_disturbs_nobody():
    program = """
from bimodal_runner import rehearsal
rehearsal._client = rehearsal._app = rehearsal._fastapi = lambda: 1 / 0
rehearsal.play()
"""
    assert run(program) == ""


def test_the_client_forgets_the_app_that_was_played():
    program = """
from bimodal_runner import rehearsal
from modal.app import _App
rehearsal._app()
print(_App._all_apps)
"""
    assert run(program) == "{}\n"
