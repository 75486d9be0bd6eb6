"""`pip install .` yields a `bimodal` command that is complete: daemon, init and runner come from the wheel alone."""

import os
import subprocess
import sys

import pytest
from support.apps import write_hello
from support.paths import ROOT

# The wheel is built with the release's flags, so that the compiler's cache has every object.
CACHED = {"CMAKE_C_COMPILER_LAUNCHER": "ccache", "CMAKE_CXX_COMPILER_LAUNCHER": "ccache", "CCACHE_NOHASHDIR": "1"}


@pytest.mark.timeout(1200)
def test_an_installed_wheel_serves_an_app(tmp_path, fresh_daemon, scripts):
    installed = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--disable-pip-version-check"]
    environment = {**os.environ, "CCACHE_BASEDIR": str(ROOT), **CACHED}
    subprocess.run([*install, "--target", installed, ROOT], env=environment, check=True)
    program = tmp_path / "bimodal"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(installed)!r})\nfrom bimodal.command import main\nmain()\n"
    )
    program.chmod(0o755)

    daemon = fresh_daemon(start=False, program=program)
    daemon.start()
    (url,) = daemon.deploy(write_hello(scripts, "from the wheel"))
    assert daemon.get(url).json() == "from the wheel"
    executable = os.readlink(f"/proc/{daemon.info['pid']}/exe")
    assert executable == str(installed / "bimodal/bin/bimodal")
