"""One daemon on a home of its own, and the official client against it."""

import contextlib
import json
import os
import shutil
import signal
import tempfile
from pathlib import Path

from support.command import Finished, Running, run
from support.leaks import Leaks
from support.paths import BIMODAL, LAYERS, PYTHON
from support.waiting import eventually
from support.web import Web

# The client must see nothing of the caller's own configuration, and wrap no URL.
NEUTRAL = {
    "MODAL_CONFIG_PATH": "/dev/null",
    "MODAL_LOGLEVEL": "WARNING",
    "COLUMNS": "300",
    "NO_COLOR": "1",
    "TERM": "dumb",
    "PYTHONUNBUFFERED": "1",
}


def neutral_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODAL_", "BIMODAL_"))}
    return {**kept, **NEUTRAL}


class Daemon:
    """`start()` makes it answer; `close()` stops it, removes its home and fails when it left something behind."""

    def __init__(
        self,
        settings: dict[str, str] | None = None,
        python: Path = PYTHON,
        home: Path | None = None,
        program: Path = BIMODAL,
    ):
        self._directory = Path(tempfile.mkdtemp(prefix="bm-"))
        self.home = home or self._directory / "home"
        self.command: list = [program]
        self.environment = {
            **neutral_environment(),
            "BIMODAL_HOME": str(self.home),
            "BIMODAL_API": "127.0.0.1:0",
            "BIMODAL_WEB": "127.0.0.1:0",
            "BIMODAL_ADMIN": "127.0.0.1:0",
            "BIMODAL_LAYERS": str(LAYERS),
            "BIMODAL_REQUESTS_PER_SECOND": "0",  # tests come oftener than users
            "BIMODAL_PYTHON": str(python),
            **(settings or {}),
        }
        self.leaks = Leaks(self.home)
        self._web: Web | None = None

    # The daemon itself.

    def start(self) -> "Daemon":
        done = self.bimodal("up")
        assert done.status == 0, done.output + self.log()
        return self

    def stop(self) -> None:
        done = self.bimodal("down")
        assert done.status == 0, done.output + self.log()
        self._forget_connections()

    def replace(self) -> int:
        """Another daemon takes over. The pid of the one before, which may still let requests end."""
        before = self.info["pid"]
        done = self.bimodal("up", "--replace")
        assert done.status == 0, done.output + self.log()
        assert self.info["pid"] != before
        return before

    def kill(self) -> None:
        """SIGKILL: what a crash or a lost machine does."""
        pid = self.info["pid"]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not is_running(pid), 10, f"end of pid {pid}")
        self._forget_connections()

    def close(self) -> None:
        if self.running:
            self.stop()
        try:
            self.leaks.check()
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def info(self) -> dict:
        return json.loads((self.home / "daemon.json").read_text())

    @property
    def running(self) -> bool:
        return (self.home / "daemon.json").exists() and is_running(self.info["pid"])

    def status(self) -> dict:
        return json.loads(self.bimodal("status", "--json").output)

    def log(self) -> str:
        file = self.home / "daemon.log"
        return file.read_text(errors="replace") if file.exists() else ""

    @property
    def token(self) -> dict[str, str]:
        return json.loads((self.home / "keys" / "token.json").read_text())

    # Commands against it.

    def bimodal(self, *words, timeout_s: float = 240, cwd=None, **environment: str) -> Finished:
        return run([*self.command, *words], {**self.environment, **environment}, timeout_s, cwd)

    def start_bimodal(self, *words, cwd=None, **environment: str) -> Running:
        return Running([*self.command, *words], {**self.environment, **environment}, cwd)

    @property
    def client_environment(self) -> dict[str, str]:
        token = self.token
        return {
            **neutral_environment(),
            "MODAL_SERVER_URL": f"http://{self.info['api']}",
            "MODAL_TOKEN_ID": token["id"],
            "MODAL_TOKEN_SECRET": token["secret"],
        }

    def python(self, code: str, python: Path = PYTHON, **environment: str) -> Finished:
        """Runs code that uses the official SDK."""
        return run([python, "-c", code], {**self.client_environment, **environment})

    def deploy(self, script: Path, *words: str) -> list[str]:
        """The URLs that `bimodal deploy` printed."""
        done = self.bimodal("deploy", script, *words, cwd=Path(script).parent)
        assert done.status == 0, done.output + "\n--- daemon log\n" + self.log()[-8000:]
        return done.urls

    @contextlib.contextmanager
    def serve(self, script: Path, *words: str):
        """A running `bimodal serve`, once it serves; `.urls` is what it printed."""
        with self.start_bimodal("serve", script, *words, cwd=Path(script).parent) as running:
            running.wait_for("Ctrl-C to stop")
            yield running
            # A client that is killed leaves its app to the daemon, which waits for heartbeats for a while.
            running.interrupt()
            running.wait()

    # Requests to its web functions.

    @property
    def web(self) -> Web:
        if self._web is None:
            self._web = Web(int(self.info["web"].rpartition(":")[2]))
        return self._web

    def get(self, url: str, **options):
        return self.web.get(url, **options)

    def post(self, url: str, **options):
        return self.web.post(url, **options)

    def containers(self, app: str | None = None) -> list[dict]:
        """Of all apps, or of the one of that name."""
        status = self.status()
        wanted = {each["app_id"] for each in status["apps"] if app in (None, each["name"])}
        return [container for container in status["containers"] if app is None or container["app_id"] in wanted]

    def wait_for_reserve(self) -> None:
        """Until a container is in reserve and none is being loaded, which takes time and descriptors of the daemon's."""

        def loaded() -> bool:
            states = [standby["state"] for standby in self.status()["standbys"]]
            return "ready" in states and set(states) <= {"ready", "parked"}

        eventually(loaded, 120, "containers in reserve")

    def _forget_connections(self) -> None:
        if self._web is not None:
            self._web.close()
            self._web = None


def is_running(pid: int) -> bool:
    """False for a process that only waits to be reaped, too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
