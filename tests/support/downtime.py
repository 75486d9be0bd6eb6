"""What may happen to a deployed app and to its daemon while callers come: each without a failed request.

tests/integration/test_zero_downtime.py has a short form of it, benchmarks/downtime/run.py a long one.
"""

from pathlib import Path

from support.apps import write
from support.command import run
from support.openloop import OpenLoop, Report
from support.paths import PYTHON
from support.waiting import eventually

APP = """
import asyncio
import ctypes
import os
import signal

import modal
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

app = modal.App("steady")
web = FastAPI()


@web.get("/")
@web.post("/")
async def answer(request: Request, wait: float = 0):
    await request.body()
    await asyncio.sleep(wait)
    return PlainTextResponse("{version}")


@web.get("/kill")
async def kill():
    os.kill(os.getpid(), signal.SIGKILL)


@web.get("/out-of-memory")
def out_of_memory():
    hoard = b"x" * (1 << 30)
    return len(hoard)


@app.function(min_containers=1, max_containers=3, memory=(128, 400), scaledown_window=2)
@modal.concurrent(max_inputs={max_inputs}, target_inputs=20)
@modal.asgi_app()
def serve():
    return web
"""

# Of a request whose container died; nothing else may fail, and these only in a container that was killed.
DEATHS = {"container-gone", "out-of-memory"}
MAX_INPUTS = 60


class Downtime:
    """The app under load, and the events."""

    def __init__(self, daemon, folder: Path):
        self.daemon, self.folder = daemon, folder
        self.version = 0
        self.kills = 0
        self.url = ""

    def begin(self, rate: float) -> OpenLoop:
        self.redeploy()
        assert self.daemon.get(self.url).status_code == 200
        return OpenLoop(int(self.daemon.info["web"].rpartition(":")[2]), self.url, rate)

    def redeploy(self, *words: str) -> None:
        self.version += 1
        script = write(self.folder, self._text(), "steady")
        (self.url,) = self.daemon.deploy(script, *words)
        self.wait_for_version(f"v{self.version}")

    def wait_for_version(self, version: str) -> None:
        eventually(lambda: self.daemon.get(self.url).text == version, 60, f"{version} serves")

    def roll_back(self) -> None:
        """To the version that was deployed before."""
        self._client("rollback", "steady")
        self.wait_for_version(f"v{self.version - 1}")

    def roll_over(self) -> None:
        before = self._tasks()
        self._client("rollover", "steady")
        eventually(lambda: not before & self._tasks(), 60, "other containers")

    def scale(self, containers: int) -> None:
        code = (
            "import modal\n"
            "f = modal.Function.from_name('steady', 'serve')\n"
            f"f.update_autoscaler(min_containers={containers}, max_containers={max(containers, 1)})\n"
        )
        done = self.daemon.python(code)
        assert done.status == 0, done.output
        states = lambda: [each["state"] for each in self.daemon.containers("steady")]  # noqa: E731
        eventually(lambda: states() == ["warm"] * containers, 60, f"{containers} containers")

    def stop_a_container(self) -> None:
        task_id = min(self._tasks())
        done = run([PYTHON, "-m", "modal", "container", "stop", "-y", task_id], self.daemon.client_environment)
        assert done.status == 0, done.output
        eventually(lambda: task_id not in self._tasks(), 60, "the stopped container's end")

    def kill_a_container(self) -> None:
        """SIGKILL of the user's process, by itself."""
        self._die("/kill", "container-gone")

    def exhaust_memory(self) -> None:
        self._die("/out-of-memory", "out-of-memory")

    def replace_daemon(self) -> None:
        self.daemon.replace()

    def judge(self, report: Report) -> None:
        """Nothing failed but what was inside a container that was killed."""
        died = [failure for failure in report.failures if failure.get("bimodal-error") in DEATHS]
        print(f"\n{report.failed - len(died)} failed of {report.sent - len(died)}; {report}")
        for failure in died:
            print(f"  inside a killed container: {failure['bimodal-request-id']} {failure['bimodal-error']}")
        others = [failure for failure in report.failures if failure not in died]
        assert report.failed == len(died), others[:5]
        assert report.failed <= self.kills * MAX_INPUTS
        assert set(report.answers) <= {f"v{number}" for number in range(1, self.version + 1)}

    def _die(self, path: str, code: str) -> None:
        self.kills += 1
        answer = self.daemon.get(self.url + path)
        assert (answer.status_code, answer.headers["bimodal-error"]) == (500, code), answer.text
        assert self.daemon.get(self.url).status_code == 200

    def _text(self) -> str:
        return APP.replace("{version}", f"v{self.version}").replace("{max_inputs}", str(MAX_INPUTS))

    def _tasks(self) -> set[str]:
        return {each["task_id"] for each in self.daemon.containers("steady")}

    def _client(self, *words: str) -> None:
        done = self.daemon.bimodal("app", *words)
        assert done.status == 0, done.output
