"""Finished commands and running ones, with their output."""

import contextlib
import os
import re
import signal
import subprocess
import threading
from dataclasses import dataclass

from support.waiting import eventually

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x1b\x07]*(?:\x07|\x1b\\)")
URL = re.compile(r"https?://[a-z0-9-]+--[a-z0-9-]+\.[a-z0-9.-]+(?::\d+)?")


def urls_in(text: str) -> list[str]:
    """The URLs of web functions in the client's output, in order, each once."""
    return list(dict.fromkeys(URL.findall(text)))


@dataclass
class Finished:
    status: int
    output: str  # stdout and stderr as they came, without terminal escapes

    @property
    def urls(self) -> list[str]:
        return urls_in(self.output)


def run(words: list, env: dict, timeout_s: float = 240, cwd=None) -> Finished:
    done = subprocess.run(
        [str(word) for word in words],
        env=env,
        cwd=cwd,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    return Finished(done.returncode, ESCAPES.sub("", done.stdout))


class Running:
    """A command that goes on, in a session of its own, with what it said so far. Use it in `with`: it ends with it."""

    def __init__(self, words: list, env: dict, cwd=None):
        self._process = subprocess.Popen(
            [str(word) for word in words],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.append(ESCAPES.sub("", line))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        return "".join(self._lines)

    @property
    def urls(self) -> list[str]:
        return urls_in(self.output)

    def wait_for(self, text: str, timeout_s: float = 180) -> str:
        """All output, once it holds `text`."""

        def seen() -> bool:
            if text not in self.output and self._process.poll() is not None:
                raise AssertionError(f"ended with {self._process.returncode} before saying {text!r}:\n{self.output}")
            return text in self.output

        try:
            eventually(seen, timeout_s, f"output {text!r}")
        except AssertionError as why:
            raise AssertionError(f"{why}\n{self.output}") from None
        return self.output

    def interrupt(self) -> None:
        """Ctrl-C: a terminal sends it to the whole group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGINT)

    def wait(self, timeout_s: float = 60) -> int:
        status = self._process.wait(timeout_s)
        self._reader.join(timeout_s)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()
