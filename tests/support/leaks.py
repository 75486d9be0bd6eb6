"""What a daemon must not leave behind: processes, mounts, cgroups, network interfaces, firewall tables, files.

Other daemons may run on the same machine, so that only what bears the home's path, or the tag that the sandbox makes of
it, counts.
"""

import hashlib
import os
import subprocess
from pathlib import Path

from support.waiting import eventually

CGROUP_ROOT = Path("/sys/fs/cgroup")
# The kernel takes network namespaces and cgroups apart after their last process is gone.
PATIENCE_S = 5


class Leaks:
    def __init__(self, home: Path):
        self._home = str(home)
        # engine/sandbox/home_tag.h: one for each generation of launchers
        names = [os.path.realpath(home)] + [f"{os.path.realpath(home)}\n{generation}" for generation in range(1, 4)]
        self._tags = [hashlib.sha256(name.encode()).hexdigest()[:6] for name in names]

    def check(self) -> None:
        """Fails with everything that is still there."""
        self._check(self.found)

    def check_processes(self) -> None:
        """The same for processes alone: a killed daemon leaves the rest to its successor."""
        self._check(self.processes)

    def _check(self, find) -> None:
        try:
            eventually(lambda: not find(), PATIENCE_S, "nothing left behind")
        except AssertionError:
            left = find()
            assert not left, f"left behind by {self._home}:\n" + "\n".join(left)

    def found(self) -> list[str]:
        return [*self.processes(), *self.mounts(), *self.cgroups(), *self.links(), *self.tables(), *self.files()]

    def processes(self) -> list[str]:
        """Processes that were started for this home or see its files mounted."""
        left = []
        for directory in Path("/proc").iterdir():
            if not directory.name.isdigit() or int(directory.name) == os.getpid():
                continue
            if any(self._mentions(directory / name) for name in ("environ", "cmdline", "mountinfo")):
                command = _read(directory / "cmdline").replace("\0", " ").strip()
                left.append(f"process {directory.name}: {command}")
        return left

    def mounts(self) -> list[str]:
        return [f"mount {line}" for line in _read(Path("/proc/self/mountinfo")).splitlines() if self._home in line]

    def cgroups(self) -> list[str]:
        found = CGROUP_ROOT.rglob("bimodal-*")
        return [f"cgroup {path}" for path in found if path.is_dir() and path.name.startswith(self._each("bimodal-"))]

    def links(self) -> list[str]:
        names = [link.name for link in Path("/sys/class/net").iterdir()]
        return [f"interface {name}" for name in names if name.startswith(self._each("bm"))]

    def tables(self) -> list[str]:
        if os.geteuid() != 0:
            return []
        listed = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True)
        return [f"nftables {line}" for line in listed.stdout.splitlines() if line.endswith(self._each("bimodal_"))]

    def files(self) -> list[str]:
        """Sockets, uppers and the address file are for the daemon's life only."""
        home = Path(self._home)
        run = home / "run"
        left = [f"file {path}" for path in run.rglob("*") if not path.is_dir()] if run.exists() else []
        return left + ([f"file {home / 'daemon.json'}"] if (home / "daemon.json").exists() else [])

    def _each(self, prefix: str) -> tuple[str, ...]:
        return tuple(prefix + tag for tag in self._tags)

    def _mentions(self, file: Path) -> bool:
        return self._home in _read(file)


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
