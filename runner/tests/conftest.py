"""Fixtures: a process that serves applications by the runner alone, and gateways connected to it."""

import os
import signal
import socket
import subprocess
import sys

import pytest
from entrypoint import Container
from gateway import DRAIN, Gateway
from paths import HERE, RUNNER_DIR, TIMEOUT, VENVS


class Host:
    """A process of host.py. `output` and `errors` are complete after stop() or drain()."""

    def __init__(self, directory, loop, *apps):
        self.path = str(directory / "runner.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen()
        self.output_file = directory / "stdout"
        self.errors_file = directory / "stderr"
        environment = dict(
            os.environ,
            BIMODAL_LISTEN_FD=str(listener.fileno()),
            MODAL_TASK_ID="ta-test",
            PYTHONPATH=f"{RUNNER_DIR}:{HERE}",
            PYTHONDONTWRITEBYTECODE="1",
        )
        with self.output_file.open("w") as output, self.errors_file.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / "host.py"), loop, *apps],
                env=environment, pass_fds=[listener.fileno()], stdout=output, stderr=errors,
            )  # fmt: skip
        listener.close()
        self.gateways = []

    def connect(self):
        self.gateways.append(Gateway(self.path, TIMEOUT))
        return self.gateways[-1]

    @property
    def output(self):
        return self.output_file.read_text()

    @property
    def errors(self):
        return self.errors_file.read_text()

    def wait(self):
        assert self.process.wait(TIMEOUT) == 0, self.errors
        return self.output

    def drain(self):
        """Ends the host as a scale-down does and returns its output."""
        gateway = self.connect()
        gateway.send_frame(DRAIN)
        return self.wait()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def close(self):
        for gateway in self.gateways:
            gateway.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture(params=["asyncio", "uvloop"])
def loop_kind(request):
    return request.param


@pytest.fixture
def serve(tmp_path, loop_kind):
    """serve(app, …): a Host that serves them, and is gone after the test."""
    hosts = []

    def start(*apps):
        directory = tmp_path / str(len(hosts))
        directory.mkdir()
        hosts.append(Host(directory, loop_kind, *apps))
        return hosts[-1]

    yield start
    for host in hosts:
        host.close()


@pytest.fixture(params=["1.5.4", "1.6.4"], scope="session")
def client_python(request):
    """A Python that has that client and FastAPI. Made on first use, and anew where that was interrupted."""
    folder = VENVS / f"modal-{request.param}"
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True)
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, f"modal=={request.param}", "fastapi"], check=True)
        complete.touch()
    return python


@pytest.fixture
def start(tmp_path, client_python):
    containers = []

    def make(function, methods=(), **options):
        containers.append(Container(tmp_path, client_python, function, methods, **options))
        return containers[-1]

    yield make
    for container in containers:
        container.close()
