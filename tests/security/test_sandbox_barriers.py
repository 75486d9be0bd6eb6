"""A sandbox of a user's stands behind the barriers of a function's container, and has no way to the daemon."""

import json
import socket

LOOK = """
import json, os, socket
wanted = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Uid", "Gid")
status = [line.split() for line in open("/proc/self/status") if line.split(":")[0] in wanted]

def reaches(address):
    try:
        socket.create_connection(address, 2).close()
        return True
    except OSError:
        return False

print(json.dumps({
    "status": status,
    "pids": [int(name) for name in os.listdir("/proc") if name.isdigit()],
    "modal": os.listdir("/__modal") if os.path.exists("/__modal") else [],
    "variables": sorted(name for name in os.environ if name.startswith(("MODAL_SERVER", "MODAL_TOKEN"))),
    "descriptors": sorted(os.listdir("/proc/self/fd")),
    "daemon": [address for address in json.loads(ADDRESSES) if reaches(tuple(address))],
}))
"""

RUN = """
import json, sys, modal
app = modal.App.lookup("guarded", create_if_missing=True)
look, secret = LOOK, "never-to-be-seen"
hider = modal.Sandbox.create("sh", "-c", "echo $HIDDEN > /tmp/mine; sleep 1000", app=app, env={"HIDDEN": secret})
box = modal.Sandbox.create("python", "-c", look, app=app, workdir="/")
box.wait()
print(box.stdout.read(), box.stderr.read())
other = modal.Sandbox.create("sh", "-c", "cat /tmp/mine /proc/*/environ 2>/dev/null; ls /proc", app=app)
other.wait()
assert secret not in other.stdout.read()
hider.terminate()
"""


def test_a_sandbox_is_barred_like_a_functions_container_and_from_the_daemon(daemon, inside):
    api = int(daemon.info["api"].rpartition(":")[2])
    with socket.create_server(("0.0.0.0", 0)) as service:
        own_address = socket.gethostbyname(socket.gethostname())
        addresses = json.dumps([("127.0.0.1", api), (own_address, service.getsockname()[1])])
        look = LOOK.replace("ADDRESSES", repr(addresses))
        done = daemon.python(RUN.replace("LOOK", repr(look)))
    assert done.status == 0, done.output
    seen = json.loads(done.output.strip().splitlines()[0])
    own = inside.result(
        "result = [line.split() for line in open('/proc/self/status') if line.split(':')[0] in "
        "('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp', 'Uid', 'Gid')]"
    )
    assert seen["status"] == own
    assert max(seen["pids"]) < 100 and len(seen["pids"]) <= 3, seen
    assert seen["modal"] == [] and seen["variables"] == [] and seen["daemon"] == [], seen
    assert len(seen["descriptors"]) <= 4, seen  # 0, 1, 2 and the directory that is read
