"""Running containers by their id: list, logs, exec, stop."""

import json
import os
import pty
import subprocess

import pytest
from support.apps import write
from support.command import ESCAPES
from support.waiting import eventually

TALKER = """
import modal

app = modal.App("talker", image=modal.Image.debian_slim().env({"FRUIT": "apple"}))


@app.function(min_containers=1, secrets=[modal.Secret.from_dict({"WORD": "pear"})])
@modal.fastapi_endpoint()
def hello(word: str):
    print(f"out {word}")
    return word
"""

# By the client's own connection: what the command line offers no way to.
EXEC = """
import asyncio, os, sys, uuid
from modal.client import _Client
from modal.sandbox._impl_v1 import command_router_access_fetcher as v1_command_router_access_fetcher
from modal.sandbox._task_command_router_client import TaskCommandRouterClient
from modal_proto import api_pb2, task_command_router_pb2 as router

TASK = sys.argv[1]
PIPE = dict(stdout_config=router.TASK_EXEC_STDOUT_CONFIG_PIPE, stderr_config=router.TASK_EXEC_STDERR_CONFIG_PIPE)


class Exec:
    def __init__(self, connection, *command, **options):
        self.connection, self.id = connection, str(uuid.uuid4())
        self.request = router.TaskExecStartRequest(
            task_id=TASK, exec_id=self.id, command_args=command, **{**PIPE, **options}
        )

    async def start(self):
        await self.connection.exec_start(self.request)
        return self

    async def output(self, stream=api_pb2.FILE_DESCRIPTOR_STDOUT, offset=0):
        pieces = [piece.data async for piece in self.connection.exec_stdio_read(TASK, self.id, stream, None, offset)]
        return b"".join(pieces)

    async def write(self, offset, data, eof=False):
        await self.connection.exec_stdin_write(TASK, self.id, offset, data, eof)

    async def status(self):
        ended = await self.connection.exec_wait(TASK, self.id)
        return ended.signal or ended.code


async def main():
    client = await _Client.from_env()
    connection = await TaskCommandRouterClient.connect(client, TASK, v1_command_router_access_fetcher(client, TASK))

    def run(*command, **options):
        return Exec(connection, *command, **options).start()

"""


@pytest.fixture(scope="module")
def talker(daemon, tmp_path_factory):
    """The URL and the container of an app with one warm container."""
    (url,) = daemon.deploy(write(tmp_path_factory.mktemp("talker"), TALKER, "talker"))
    assert daemon.get(url, params={"word": "first"}).json() == "first"
    (container,) = daemon.containers("talker")
    return url, container["task_id"]


def with_execs(daemon, task_id: str, body: str):
    """Runs `body` of an async function in which `run(*command)` starts a command in the container."""
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    code = f"import sys; sys.argv = ['-', {task_id!r}]\n{EXEC}{lines}\n    await connection.close()\n\nasyncio.run(main())\n"
    done = daemon.python(code)
    assert done.status == 0, done.output
    return done.output


def test_a_container_is_listed_and_its_log_read_by_its_id(daemon, talker):
    url, task_id = talker
    (listed,) = [row for row in json.loads(daemon.bimodal("container", "list", "--json").output)]
    assert task_id in listed.values()
    eventually(lambda: "out first" in daemon.bimodal("container", "logs", task_id).output, 20, "the line")


def test_a_command_runs_in_the_container_with_its_environment(daemon, talker):
    _, task_id = talker
    done = daemon.bimodal(
        "container", "exec", "--no-pty", task_id, "--", "sh", "-c", "echo $FRUIT $WORD $MODAL_TASK_ID; pwd; id -u"
    )
    assert done.status == 0, done.output
    assert done.output.split() == ["apple", "pear", task_id, "/root", "0"]
    missing = daemon.bimodal("container", "exec", "--no-pty", task_id, "--", "no-such-command")
    assert missing.status != 0 and "no-such-command" in missing.output, missing.output


def test_commands_have_input_both_outputs_and_a_status(daemon, talker):
    with_execs(
        daemon,
        talker[1],
        """
cat = await run("sh", "-c", "cat; echo done >&2; exit 3")
await cat.write(0, b"hello ")
await cat.write(3, b"lo world", eof=True)  # what came twice counts once
assert await cat.output() == b"hello world"
assert await cat.output(offset=6) == b"world"
assert await cat.output(api_pb2.FILE_DESCRIPTOR_STDERR) == b"done\\n"
assert await cat.status() == 3

many = [await run("sh", "-c", f"sleep 0.2; echo {n}") for n in range(8)]
assert await asyncio.gather(*(each.output() for each in many)) == [f"{n}\\n".encode() for n in range(8)]

loud = await run("head", "-c", "5000000", "/dev/zero")
assert len(await loud.output()) == 5_000_000  # more than is kept: it waited for us
assert await loud.status() == 0

slow = await run("sleep", "1000", timeout_secs=1)
assert await slow.status() == 9

there = await run("sh", "-c", "pwd; echo $EXTRA", workdir="/etc", env={"EXTRA": "x"})
assert await there.output() == b"/etc\\nx\\n"
""",
    )


def test_a_token_is_good_for_one_container_only(daemon, talker):
    with_execs(
        daemon,
        talker[1],
        """
from grpclib import GRPCError
wanted = router.TaskExecStartRequest(task_id="ta-other", exec_id="1", command_args=["true"])
for metadata, name in (
    ({"authorization": f"Bearer {connection._jwt}"}, "PERMISSION_DENIED"),
    ({"authorization": f"Bearer {connection._jwt[:-2]}xx"}, "UNAUTHENTICATED"),
    ({}, "UNAUTHENTICATED"),
    (client._metadata if hasattr(client, "_metadata") else {}, "UNAUTHENTICATED"),
):
    try:
        await connection._stub.TaskExecStart(wanted, metadata=metadata)
    except GRPCError as refusal:
        assert refusal.status.name == name, refusal
    else:
        raise AssertionError("it was let in")
""",
    )


def test_a_terminal_is_the_containers_own(daemon, talker):
    outer, inner = pty.openpty()
    script = "tty; stty size; read x; echo got $x"
    words = [*daemon.command, "container", "exec", "--pty", talker[1], "--", "sh", "-c", script]
    running = subprocess.Popen(
        [str(word) for word in words],
        env={**daemon.environment, "TERM": "xterm"},
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
    )
    os.close(inner)
    shown = ""

    def read_until(text: str) -> None:
        nonlocal shown
        while text not in shown:
            try:
                shown += ESCAPES.sub("", os.read(outer, 4096).decode(errors="replace"))
            except OSError:
                raise AssertionError(f"ended before {text!r}: {shown}") from None

    read_until("/dev/pts/")
    os.write(outer, b"plum\r")
    read_until("got plum")
    os.close(outer)
    running.wait(60)


def test_a_stopped_container_is_gone_and_its_log_stays(daemon, talker):
    url, task_id = talker
    stopped = daemon.bimodal("container", "stop", "-y", task_id)
    assert stopped.status == 0, stopped.output
    eventually(lambda: task_id not in str(daemon.containers()), 40, "the container's end")
    assert "out first" in daemon.bimodal("container", "logs", task_id).output
    gone = daemon.bimodal("container", "exec", "--no-pty", task_id, "--", "true")
    assert gone.status != 0 and "runs" in gone.output, gone.output
    again = daemon.bimodal("container", "stop", "-y", task_id)
    assert "already stopped" in again.output, again.output
    assert daemon.get(url, params={"word": "anew"}).json() == "anew"
