"""What the kernel must refuse to a container."""

import pytest
from support.inside import SYSCALLS

CLONE_NEWUSER = 0x10000000
CLONE_NEWNS = 0x00020000
REFUSED = ("EPERM", "ENOSYS", "EACCES")


@pytest.mark.parametrize("name", sorted(SYSCALLS))
def test_refuses(inside, name):
    assert inside.call(name, 0, 0, 0, 0, 0) in REFUSED


@pytest.mark.parametrize("flags", [CLONE_NEWUSER, CLONE_NEWUSER | CLONE_NEWNS, CLONE_NEWNS])
def test_refuses_new_namespaces(inside, flags):
    assert inside.call("unshare", flags) in REFUSED


def test_refuses_namespaces_by_the_command_line(inside):
    code = "import subprocess; result = subprocess.run(['unshare', '-Ur', 'true'], capture_output=True).returncode"
    assert inside.result(code) != 0


def test_a_process_cannot_trace_another(inside):
    code = """
import ctypes, os, time
PTRACE_ATTACH = 16
child = os.fork()
if child == 0:
    time.sleep(30)
    os._exit(0)
libc = ctypes.CDLL(None, use_errno=True)
result = libc.ptrace(PTRACE_ATTACH, child, 0, 0)
os.kill(child, 9)
os.waitpid(child, 0)
"""
    assert inside.result(code) == -1


def test_it_has_no_capabilities_and_gains_none(inside):
    status = inside.result("result = dict(line.split(':', 1) for line in open('/proc/self/status'))")
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"


@pytest.mark.parametrize(
    "path", ["/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory"]
)
def test_settings_of_the_kernel_cannot_be_written(inside, path):
    assert "stopped" in inside.run(f"open({path!r}, 'w').write('x'); result = 1")


@pytest.mark.parametrize("path", ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug"])
def test_what_the_kernel_tells_about_the_host_is_closed(inside, path):
    outcome = inside.run(f"result = open({path!r}, 'rb').read(1).decode()")
    assert outcome.get("result", "") == ""


def test_devices_cannot_be_made_or_reached(inside):
    assert "stopped" in inside.run("import os; os.mknod('/tmp/disk', 0o60600, os.makedev(8, 0)); result = 1")
    names = set(inside.result("import os; result = os.listdir('/dev')"))
    assert not names & {"mem", "kmem", "port", "kvm", "fuse", "sda", "vda", "loop0"}
