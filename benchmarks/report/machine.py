"""What the figures come from: the machine and the versions of everything that took part."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
from pathlib import Path

from goals.rows import Context

# Programs that benchmarks run, and how each tells its version.
PROGRAMS = {
    "nginx": ["nginx", "-v"],
    "haproxy": ["haproxy", "-v"],
    "bubblewrap": ["bwrap", "--version"],
    "clang": ["clang++-19", "--version"],
}


def describe(context: Context) -> dict[str, str]:
    root = Path(__file__).parents[2]
    told = {
        "cpu": f"{cpu_model()}, {os.cpu_count()} CPUs",
        "memory": f"{memory_gib():.0f} GiB",
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "bimodal": f"{said([str(context.binary), '--version'])} at {said(['git', '-C', str(root), 'describe', '--always', '--dirty'])}",
        "Python of the client and the tests": said([str(context.python), "--version"]),
        "official client": version_of(context.python, "modal"),
        "Python of the peers": said([str(context.peers / "python"), "--version"]),
        "peers' packages": packages(context.peers / "python"),
    }
    return {**told, **{name: said(command) for name, command in PROGRAMS.items()}}


def said(command: list[str]) -> str:
    """The first line that it prints."""
    with contextlib.suppress(OSError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        lines = (done.stdout + done.stderr).strip().splitlines()
        return lines[0] if lines else "unknown"
    return "not installed"


def cpu_model() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def memory_gib() -> float:
    return int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) / 2**20


def version_of(python: Path, package: str) -> str:
    return said([str(python), "-c", f"import importlib.metadata; print(importlib.metadata.version('{package}'))"])


def packages(python: Path) -> str:
    """name==version of all that is installed there."""
    code = "import importlib.metadata as m; print(*sorted({f'{d.name}=={d.version}' for d in m.distributions()}))"
    return said([str(python), "-c", code])
