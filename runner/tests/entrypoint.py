"""A container's process: the official client's entrypoint, unmodified, with the runner beside it."""

import os
import socket
import subprocess

import pytest
from control import Control, container_arguments, kill_switch, seat_input
from gateway import Gateway
from paths import HERE, RUNNER_DIR, TIMEOUT


class Container:
    def __init__(self, directory, python, function, methods=(), environment=(), **options):
        self.control = Control(str(directory / "api.sock"))
        self.path = str(directory / "runner.sock")
        self.output_file, self.errors_file = directory / "stdout", directory / "stderr"
        arguments = directory / "arguments"
        arguments.write_bytes(container_arguments(function, methods, **options).SerializeToString())
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen()
        self.first = socket.socket(socket.AF_UNIX)  # the daemon's own connection, there before the process
        self.first.connect(self.path)
        variables = dict(
            PATH=os.environ["PATH"],
            MODAL_CONTAINER_ARGUMENTS_PATH=str(arguments),
            MODAL_SERVER_URL=f"unix://{directory / 'api.sock'}",
            MODAL_IS_REMOTE="1",
            MODAL_TASK_ID="ta-test",
            PYTHONPATH=f"{HERE}:{RUNNER_DIR}",
            PYTHONDONTWRITEBYTECODE="1",
            PYTHONUNBUFFERED="1",
            BIMODAL_LISTEN_FD=str(listener.fileno()),
        )
        variables.update(environment)
        with self.output_file.open("w") as output, self.errors_file.open("w") as errors:
            self.process = subprocess.Popen(
                [python, "-u", "-m", "modal._container_entrypoint"],
                env=variables, pass_fds=[listener.fileno()], stdout=output, stderr=errors, cwd=directory,
            )  # fmt: skip
        listener.close()

    @property
    def output(self):
        return self.output_file.read_text()

    @property
    def errors(self):
        return self.errors_file.read_text()

    def sit(self, method=""):
        """Gives the seat's input and connects."""
        self.control.give(seat_input(method))
        try:
            return Gateway(self.path, TIMEOUT)
        except (EOFError, TimeoutError):
            pytest.fail(self.errors)

    def finish(self):
        """Gives the kill switch and waits for a clean end."""
        self.control.give(kill_switch())
        assert self.process.wait(TIMEOUT) == 0, self.errors

    def close(self):
        self.first.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.control.close()
