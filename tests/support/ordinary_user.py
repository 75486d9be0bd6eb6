"""An ordinary user of this machine for the time of a test, and a daemon that is that user's. Root makes it.

The user sees the checkout, the Python environment and the image layers below one folder, wherever root keeps them, in a
mount namespace of each command: nothing is copied but layers, and nothing has to be taken back.
"""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from support.daemon import Daemon
from support.paths import BIMODAL, LAYERS, PYTHON, ROOT

NAME = "bimodal-test"
# Always the same ones, so that image layers which the user owns serve the next run too.
UID = 61_990
SUBORDINATE = 900_000_000
COUNT = 65_536
LOCK = Path("/run/lock/bimodal-test-user")
LAYERS_OF_USER = LAYERS.with_name(LAYERS.name + "-rootless")
# Layers that many apps share; made as root by the tests before.
SHARED_ORIGINS = (
    "Debian ",
    "names of a Python",
    "uv ",
    "runtime of client",
    "RUN pip install --upgrade",
    "RUN apt-get ",
    "RUN echo 'debconf",
    "RUN python -m pip install 'fastapi[standard]'",
)

# $1: the user's folder, $2: checkout, $3: Python environment, $4: layers, $5: "tun" or "no-tun", $6: where that
# environment's own Python is, which can't move, and may be closed to others as /root is; then the command.
ENTER = f"""
set -e
mount --bind "$2" "$1/checkout"; mount --bind "$3" "$1/venv"; mount --bind "$4" "$1/layers"
mount -t tmpfs -o mode=0755 none "$1/dev"
if [ "$5" = tun ]; then mknod -m 0666 "$1/dev/tun" c 10 200; else mknod -m 0600 "$1/dev/tun" c 10 200; fi
mount --bind "$1/dev/tun" /dev/net/tun
case "$6" in /root/*)
  mount --bind "$6" "$1/python"; mount -t tmpfs -o mode=0755 none /root; mkdir -p "$6"; mount --bind "$1/python" "$6"
esac
shift 6
exec setpriv --reuid={UID} --regid={UID} --init-groups "$@"
"""


class OrdinaryUser:
    """In `with`: the account exists. One at a time on a machine."""

    def __enter__(self):
        self._lock = LOCK.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        _remove()  # what a killed run left
        self.folder = Path(tempfile.mkdtemp(prefix="bm-user-"))
        for name in ("checkout", "venv", "python", "layers", "dev", "work"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)
        os.chown(self.work, UID, UID)
        _run("groupadd", "--gid", UID, NAME)
        _run("useradd", "--uid", UID, "--gid", UID, "--home-dir", self.work, "--no-create-home", NAME)
        self.take_subordinate_ids()
        ids = f"{SUBORDINATE}-{SUBORDINATE + COUNT - 1}"
        _run("usermod", "--add-subuids", ids, "--add-subgids", ids, NAME)
        return self

    def __exit__(self, *_):
        _remove()
        shutil.rmtree(self.folder)
        self._lock.close()

    @property
    def work(self) -> Path:
        """A folder of the user's own."""
        return self.folder / "work"

    def take_subordinate_ids(self) -> None:
        """Leaves none, those neither that this machine gives to each new user."""
        for file in (Path("/etc/subuid"), Path("/etc/subgid")):
            kept = [line for line in file.read_text().splitlines() if not line.startswith(f"{NAME}:")]
            file.write_text("".join(f"{line}\n" for line in kept))

    def command(self, *words, tun: bool = True) -> list:
        """The words as a command of this user; paths of the checkout and of the environment are translated."""
        enter = [self.folder, ROOT, PYTHON.parents[1], LAYERS_OF_USER, "tun" if tun else "no-tun", sys.base_prefix]
        translated = [self.seen(word) for word in words]
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh", *enter, *translated]

    def seen(self, path) -> str:
        """Where the user sees a file of the checkout or of the Python environment."""
        for place, name in ((PYTHON.parents[1], "venv"), (ROOT, "checkout")):
            if isinstance(path, Path) and path.is_relative_to(place):
                return str(self.folder / name / path.relative_to(place))
        return str(path)


class UsersDaemon(Daemon):
    """A daemon that `user` runs; the tests stay root."""

    def __init__(self, user: OrdinaryUser):
        import_layers()
        super().__init__()
        os.chown(self._directory, UID, UID)
        self.user = user
        self.environment |= {
            "HOME": str(user.work),
            "USER": NAME,
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "BIMODAL_LAYERS": str(user.folder / "layers"),
            "BIMODAL_PYTHON": user.seen(PYTHON),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.environment.pop("XDG_DATA_HOME", None)
        self.use_tun(True)

    def use_tun(self, tun: bool) -> None:
        """Whether what starts from now on may open /dev/net/tun."""
        self.command = self.user.command(BIMODAL, tun=tun)

    def deploy(self, script: Path, *words: str) -> list[str]:
        return super().deploy(self.own(script), *words)

    def own(self, script: Path) -> Path:
        """A copy of the script that the user may read."""
        copy = self.user.work / script.name
        if script != copy:
            shutil.copy(script, copy)
        os.chown(copy, UID, UID)
        return copy


def import_layers() -> None:
    """Gives the user a copy of the layers that root's tests made already: each takes minutes to make."""
    (LAYERS_OF_USER / "keys").mkdir(parents=True, exist_ok=True)
    for folder in (LAYERS_OF_USER, LAYERS_OF_USER / "keys"):
        os.chown(folder, UID, UID)
    # Of those that differ only in what they were made from, the newest: it belongs to this checkout.
    newest = {}
    for key in sorted((LAYERS / "keys").glob("*.json"), key=lambda key: key.stat().st_mtime):
        entry = json.loads(key.read_text())
        if entry["origin"].startswith(SHARED_ORIGINS):
            newest[entry["origin"]] = (key, entry["layer"])
    for key, layer in newest.values():
        target = LAYERS_OF_USER / "keys" / key.name
        if not target.exists():
            _import_layer(layer)
            shutil.copy(key, target)
            os.chown(target, UID, UID)


def _import_layer(name: str) -> None:
    final, copy = LAYERS_OF_USER / name, LAYERS_OF_USER / f"{name}.import"
    if final.exists():  # a run that was killed before it copied the key
        return
    shutil.rmtree(copy, ignore_errors=True)
    _run("cp", "-a", LAYERS / name, copy)
    _change_owner(copy)
    for folder, folders, files in os.walk(copy):
        for entry in folders + files:
            _change_owner(Path(folder, entry))
    copy.rename(final)


def _change_owner(path: Path) -> None:
    """As the user's own daemon would have made it: ids below the user's, overlay's marks as `userxattr` wants them."""
    status = path.lstat()
    os.lchown(path, _outer(status.st_uid), _outer(status.st_gid))
    if path.is_symlink():
        return
    path.chmod(status.st_mode & 0o7777)  # chown(2) clears setuid
    if path.is_dir():
        with contextlib.suppress(OSError):
            os.setxattr(path, "user.overlay.opaque", os.getxattr(path, "trusted.overlay.opaque"))


def _outer(inner: int) -> int:
    return UID if inner == 0 else SUBORDINATE + inner - 1


def _remove() -> None:
    for program in ("userdel", "groupdel"):
        subprocess.run([program, NAME], capture_output=True)


def _run(*words) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.stderr}"
