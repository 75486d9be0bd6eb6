"""A command that is started in a container stands behind the container's barriers, and gives its processes no hold."""

import json

import pytest

# Looks at every other process of the container as fast as it can, and keeps what it could open or read.
WATCHER = """
import os, time
end, seen = time.monotonic() + 8, set()
while time.monotonic() < end:
    for pid in filter(str.isdigit, os.listdir('/proc')):
        for name in ('exe', 'cwd', 'root'):
            try:
                seen.add(os.readlink(f'/proc/{pid}/{name}'))
            except OSError:
                pass
        for name in ('mem', 'environ', 'exe'):
            try:
                os.close(os.open(f'/proc/{pid}/{name}', os.O_RDWR if name == 'mem' else os.O_RDONLY))
            except OSError:
                pass
open('/tmp/seen', 'w').write('\\n'.join(sorted(seen)))
"""


@pytest.fixture(scope="session")
def task_of(daemon):
    """The container that answers for an Inside."""

    def find(inside) -> str:
        return inside.result("import os; result = os.environ['MODAL_TASK_ID']")

    return find


def execute(daemon, task_id: str, code: str):
    done = daemon.bimodal("container", "exec", "--no-pty", task_id, "--", "python", "-c", code)
    assert done.status == 0, done.output
    return done.output


def test_a_command_has_no_capabilities_and_the_same_filter(daemon, inside, task_of):
    fields = "('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp', 'Uid', 'Gid')"
    code = f"print([line.split() for line in open('/proc/self/status') if line.split(':')[0] in {fields}])"
    own = inside.result(code.replace("print(", "result = (", 1))
    told = execute(daemon, task_of(inside), code)
    assert told.strip() == str(own)
    assert "['Seccomp:', '2']" in told and "['NoNewPrivs:', '1']" in told


def test_a_command_is_in_the_containers_namespaces_and_cgroups(daemon, inside, task_of):
    names = ["mnt", "pid", "net", "ipc", "uts", "user", "cgroup"]
    code = f"import os; print([os.readlink('/proc/self/ns/' + name) for name in {names}], open('/proc/self/cgroup').read())"
    told = execute(daemon, task_of(inside), code)
    links, _, cgroups = told.partition("] ")
    own = inside.result(f"import os; result = [os.readlink('/proc/self/ns/' + name) for name in {names}]")
    assert links + "]" == str(own)
    assert cgroups.strip() == inside.result("result = open('/proc/self/cgroup').read()").strip()


def test_a_commands_memory_is_the_containers(daemon, inside_limited, task_of):
    task_id = task_of(inside_limited)
    code = "blocks = [bytearray(16 << 20) for _ in range(40)]; print('had 640 MiB')"
    done = daemon.bimodal("container", "exec", "--no-pty", task_id, "--", "python", "-c", code)
    assert "had 640 MiB" not in done.output


def test_a_container_gets_no_hold_of_a_command_that_is_being_started(daemon, inside, task_of):
    task_id = task_of(inside)
    inside.result(f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {WATCHER!r}]); result = 1")
    for _ in range(4):
        execute(daemon, task_id, "pass")
    code = "import os, time\nwhile not os.path.exists('/tmp/seen'): time.sleep(0.1)\nresult = open('/tmp/seen').read()"
    seen = inside.result(code).splitlines()
    assert seen
    assert not [path for path in seen if "memfd" in path or "bimodal" in path], json.dumps(seen)


def test_a_container_cannot_ask_for_commands(inside):
    code = """
import asyncio, os
from grpclib.client import Channel
from modal_proto import api_pb2
from modal_proto.api_grpc import ModalClientStub

async def ask():
    request = api_pb2.TaskGetCommandRouterAccessRequest(task_id=os.environ['MODAL_TASK_ID'])
    async with Channel(path=os.environ['MODAL_SERVER_URL'].removeprefix('unix://')) as channel:
        try:
            await ModalClientStub(channel).TaskGetCommandRouterAccess(request, timeout=10)
        except Exception as refusal:
            return str(refusal)

result = asyncio.run(ask())
"""
    assert "PERMISSION_DENIED" in inside.result(code)
