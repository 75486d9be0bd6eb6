"""Another machine: a network namespace with a link of its own to this one, its own names, and its own trust."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from support.command import Finished, run

HERE, THERE = "10.231.77.1", "10.231.77.2"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Machine:
    """Reaches this machine at HERE, and nothing else. `ip netns exec` gives each command mounts of its own."""

    def __init__(self):
        self.name = f"bm-remote-{os.getpid()}"
        self._files = Path("/etc/netns") / self.name
        self._link = f"bmr{os.getpid() % 100000}"

    def __enter__(self) -> "Machine":
        self._files.mkdir(parents=True)
        _ip("netns", "add", self.name)
        _ip("link", "add", self._link, "type", "veth", "peer", "name", "uplink", "netns", self.name)
        _ip("addr", "add", f"{HERE}/30", "dev", self._link)
        _ip("link", "set", self._link, "up")
        for words in (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{THERE}/30", "dev", "uplink"),
            ("link", "set", "uplink", "up"),
        ):
            _ip("-n", self.name, *words)
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("link", "del", self._link)
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("netns", "del", self.name)
        shutil.rmtree(self._files, ignore_errors=True)
        with contextlib.suppress(OSError):
            self._files.parent.rmdir()  # where we made it

    def knows(self, *names: str) -> None:
        """Those names lead here."""
        lines = ["127.0.0.1 localhost", *(f"{HERE} {name}" for name in names)]
        (self._files / "hosts").write_text("\n".join(lines) + "\n")

    def run(self, words: list, env: dict, cwd=None, over: dict[Path, Path] | None = None, **options) -> Finished:
        """`over`: files that the command finds in place of others."""
        mounts = "".join(f"mount --bind '{new}' '{old}' && " for old, new in (over or {}).items())
        command = ["ip", "netns", "exec", self.name, "sh", "-c", mounts + 'exec "$@"', "sh", *words]
        return run(command, env, cwd=cwd, **options)
