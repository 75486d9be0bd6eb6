"""What idle containers and idle connections cost: CPU of the daemon and of all that it started, as a share of one core, and
the memory that one more container holds for itself.

    python benchmarks/idle/run.py [--containers 50] [--connections 1000] [--seconds 60]

Needs what the outer tests need (tests/requirements.txt, BIMODAL_TEST_LAYERS).
"""

import argparse
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from support.apps import write  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.forks import unshared_bytes  # noqa: E402
from support.waiting import eventually  # noqa: E402

APP = """
import modal

app = modal.App("idle")


@app.function(min_containers={containers}, max_containers={containers})
@modal.fastapi_endpoint()
def idle():
    return 1
"""


def family(pid: int) -> list[int]:
    """That process and all below it."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def cpu_seconds(pids: list[int]) -> float:
    spent = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            spent += int((task / "schedstat").read_text().split()[0])
    return spent / 1e9


def connect(url: str, count: int) -> list[socket.socket]:
    parts = urlsplit(url)
    request = f"GET / HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    made = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", parts.port))
        connection.sendall(request)
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
        made.append(connection)
    return made


def is_app(pid: int) -> bool:
    # Of containers in reserve as well.
    return b"modal._container_entrypoint" in Path(f"/proc/{pid}/cmdline").read_bytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--containers", type=int, default=50)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    daemon = Daemon({"BIMODAL_IDLE_TIMEOUT": "1h", "BIMODAL_HOST_MEMORY": "100GiB"}).start()
    try:
        with tempfile.TemporaryDirectory(prefix="bm-app-") as folder:
            (url,) = daemon.deploy(write(Path(folder), APP.format(containers=arguments.containers), "idle"))
        eventually(lambda: count_warm(daemon) == arguments.containers, 300, "all containers")
        connections = connect(url, arguments.connections)
        eventually(lambda: all(one["state"] != "loading" for one in daemon.status()["standbys"]), 60, "a full reserve")
        time.sleep(5)  # what was begun ends
        report(daemon.info["pid"], arguments)
        for connection in connections:
            connection.close()
    finally:
        daemon.close()


def count_warm(daemon) -> int:
    return sum(container["state"] == "warm" for container in daemon.containers())


def report(pid: int, arguments):
    pids = family(pid)
    kinds = {"daemon and launcher": pids[:2], "all of them": pids}
    before = {kind: cpu_seconds(those) for kind, those in kinds.items()}
    began = time.monotonic()
    time.sleep(arguments.seconds)
    seconds = time.monotonic() - began
    print(f"{arguments.containers} idle containers, {arguments.connections} idle connections, {seconds:.0f} s")
    for kind, those in kinds.items():
        print(f"{kind:20} {(cpu_seconds(those) - before[kind]) / seconds * 100:6.2f} % of a core")
    own = [unshared_bytes(one) / 2**20 for one in pids if is_app(one)]
    print(f"memory of its own, of {len(own)} Pythons: median {statistics.median(own):.1f} MiB, most {max(own):.1f} MiB")


if __name__ == "__main__":
    main()
