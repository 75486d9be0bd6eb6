"""`modal shell`: a command line in a fresh container of a function, an image or the default, or in one that runs."""

import os
import pty
import subprocess

import pytest
from support.apps import write
from support.command import ESCAPES

WORKSHOP = """
import modal

image = modal.Image.debian_slim().env({"FRUIT": "apple"}).add_local_file(__file__, "/root/notes.txt")
app = modal.App("workshop", image=image)


@app.function(
    secrets=[modal.Secret.from_dict({"WORD": "pear"})],
    volumes={"/shelf": modal.Volume.from_name("shell-shelf", create_if_missing=True)},
)
def tool():
    pass


@app.cls()
class Tools:
    @modal.method()
    def use(self):
        pass
"""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return write(tmp_path_factory.mktemp("workshop"), WORKSHOP, "workshop")


class Terminal:
    """A command at a terminal of its own."""

    def __init__(self, words, env):
        self._outer, inner = pty.openpty()
        self.process = subprocess.Popen(
            [str(word) for word in words],
            env={**env, "TERM": "xterm"},
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)
        self.shown = ""

    def read_until(self, text: str) -> None:
        while text not in self.shown:
            try:
                self.shown += ESCAPES.sub("", os.read(self._outer, 4096).decode(errors="replace"))
            except OSError:
                raise AssertionError(f"ended before {text!r}: {self.shown}") from None

    def type(self, line: str) -> None:
        os.write(self._outer, line.encode() + b"\r")

    def close(self) -> int:
        os.close(self._outer)
        return self.process.wait(60)


def test_a_functions_shell_has_its_image_mounts_secrets_and_volumes(daemon, workshop):
    code = "echo $FRUIT $WORD; ls /root; echo kept > /shelf/file; python -c 'import modal; print(modal.__name__)'"
    done = daemon.bimodal("shell", "--no-pty", f"{workshop}::tool", "--cmd", code)
    assert done.status == 0, done.output + daemon.log()[-2000:]
    assert "apple pear" in done.output and "notes.txt" in done.output and "workshop.py" in done.output, done.output
    assert "modal" in done.output.split(), done.output
    again = daemon.bimodal("shell", "--no-pty", f"{workshop}::Tools.use", "--cmd", "echo $FRUIT $WORD.")
    assert "apple ." in again.output, again.output
    shelf = daemon.bimodal("volume", "ls", "shell-shelf")
    assert "file" in shelf.output, shelf.output


def test_a_shell_is_a_terminal_in_a_container_of_its_own(daemon, workshop):
    shell = Terminal([*daemon.command, "shell", f"{workshop}::tool"], daemon.environment)
    shell.read_until("root@modal")
    shell.type("tty; stty size; echo $((6 * 7)) $WORD")
    shell.read_until("42 pear")
    assert "/dev/pts/" in shell.shown
    (row,) = daemon.containers()
    beside = daemon.bimodal("shell", "--no-pty", row["task_id"], "--cmd", "sh -c 'echo beside $WORD'")
    assert "beside pear" in beside.output, beside.output
    shell.type("exit")
    shell.process.wait(60)
    shell.close()
    assert daemon.containers() == []


def test_a_shell_without_a_function_takes_an_image_volumes_and_secrets(daemon):
    assert daemon.bimodal("secret", "create", "shell-word", "WORD=plum").status == 0
    assert daemon.bimodal("volume", "create", "shell-box").status == 0
    code = "echo $WORD; ls -d /mnt/shell-box"
    words = ["--secret", "shell-word", "--volume", "shell-box", "--cmd", code]
    done = daemon.bimodal("shell", "--no-pty", *words)
    assert done.status == 0 and "plum" in done.output and "/mnt/shell-box" in done.output, done.output
    image = daemon.python("""
import modal
app = modal.App.lookup("images", create_if_missing=True)
print(modal.Image.debian_slim().env({"FRUIT": "fig"}).build(app).object_id)
""").output.split()[-1]
    done = daemon.bimodal("shell", "--no-pty", image, "--cmd", "echo $FRUIT")
    assert "fig" in done.output, done.output
