"""The gateway's hop alone, beside nginx and HAProxy as proxies: what stands behind each answers at once and isn't counted.

    ninja -C build/release gateway_hop load_generator
    python benchmarks/load/gateway_hop.py [--rounds 5] [--seconds 8]

The proxies run on CPU 0; the load, our runner that answers at once and the nginx behind the others on CPU 1.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from goals.rows import Context  # noqa: E402

from load import peers  # noqa: E402
from load.measure import GENERATOR_CPU, SERVER_CPU  # noqa: E402
from load.options import add_options, context_of  # noqa: E402
from load.processes import free_port, pinned, stop, wait_until_it_listens  # noqa: E402
from load.rounds import AGAIN, OURS, Comparison, compare  # noqa: E402
from load.tables import table  # noqa: E402
from load.workloads import Interface, Workload  # noqa: E402

HOP = Workload("gateway hop", "", "", Interface.ASGI, "/hello", expected=b"hello", connections=64, offered_per_s=8000)
COMMANDS = {
    "nginx": "worker_processes 1; access_log off; keep-alive upstream on a Unix socket",
    "haproxy": "nbthread 1; http-reuse always; a server on a Unix socket",
}
UPSTREAM = """
daemon off; master_process off; pid {folder}/upstream.pid; error_log {folder}/upstream-error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/ub; proxy_temp_path {folder}/up;
  fastcgi_temp_path {folder}/uf; uwsgi_temp_path {folder}/uu; scgi_temp_path {folder}/us;
  server {{ listen unix:{folder}/upstream.sock; location / {{ default_type text/plain; return 200 hello; }} }}
}}
"""


@contextlib.contextmanager
def told_to_run(cpu: str, command: list) -> Iterator[subprocess.Popen]:
    """A gateway_hop that said "ready"; it ends with its standard input."""
    words = ["taskset", "-c", cpu, *map(str, command)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"{command} isn't ready")
        yield process
    finally:
        stop(process)
        process.stdin.close()
        process.stdout.close()


@contextlib.contextmanager
def gateway(context: Context) -> Iterator[peers.Target]:
    program, port = context.build / "engine/gateway/gateway_hop", free_port()
    with tempfile.TemporaryDirectory(prefix="bm-hop-") as folder:
        path = Path(folder, "runner.sock")
        with told_to_run(GENERATOR_CPU, [program, "runner", path]):
            with told_to_run(SERVER_CPU, [program, "gateway", path, port]) as process:
                yield peers.Target(port, "app.localhost", (process.pid,), "gateway_hop")


@contextlib.contextmanager
def proxy(name: str) -> Iterator[peers.Target]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bm-hop-") as folder_name:
        folder = Path(folder_name)
        config, upstream = folder / "upstream.conf", folder / "upstream.sock"
        config.write_text(UPSTREAM.format(folder=folder))
        with pinned(GENERATOR_CPU, ["nginx", "-c", config], folder / "upstream.log") as behind:
            wait_until_it_listens(str(upstream), behind)
            with peers.FRONTS[name](folder, port, upstream) as process:
                yield peers.Target(port, "app.localhost", (process.pid,), COMMANDS[name])


def measure(context: Context) -> Comparison:
    starts = {OURS: lambda: gateway(context), AGAIN: lambda: gateway(context)}
    for name in COMMANDS:
        starts[name] = lambda name=name: proxy(name)
    return compare(context, HOP, starts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    print(table(measure(context_of(parser.parse_args()))))


if __name__ == "__main__":
    main()
