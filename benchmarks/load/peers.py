"""The servers that Bimodal is compared with, as their authors advise to run them: one row each."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

from load.measure import SERVER_CPU
from load.processes import free_port, pinned, wait_for_an_answer, wait_until_it_listens
from load.workloads import Interface, Workload

APPS = Path(__file__).parent / "apps"
ASGI, WSGI, WEBSOCKET = Interface.ASGI, Interface.WSGI, Interface.WEBSOCKET


@dataclasses.dataclass(frozen=True)
class Target:
    """A running server: where it answers, under which Host, and the processes whose CPU counts, with all below them."""

    port: int
    host: str
    roots: tuple[int, ...]
    command: str


@dataclasses.dataclass(frozen=True)
class Peer:
    """`command` starts with a program of the peers' environment; {app}, {port} and {socket} are filled in."""

    name: str
    command: str
    interfaces: frozenset[Interface]
    front: str = ""  # "nginx" or "haproxy", before the command's {socket}
    deflate: bool = True  # of WebSocket messages, for callers who offer it


UVICORN = "uvicorn {app} --loop uvloop --http httptools --no-access-log --log-level warning"
GRANIAN = "granian {app} --workers 1 --loop uvloop --no-access-log --log-level warning --port {port}"
BOTH = frozenset({ASGI, WEBSOCKET})

PEERS = (
    Peer("uvicorn", UVICORN + " --port {port}", BOTH),
    Peer("nginx + uvicorn", UVICORN + " --uds {socket}", BOTH, front="nginx"),
    Peer("haproxy + uvicorn", UVICORN + " --uds {socket}", BOTH, front="haproxy"),
    Peer("granian st", GRANIAN + " --interface asgi --runtime-mode st", BOTH, deflate=False),
    Peer("granian mt", GRANIAN + " --interface asgi --runtime-mode mt", BOTH, deflate=False),
    Peer("peregrine", "peregrine {app} --port {port} --protocol asgi --log-level error --ws-compress", BOTH),
    Peer("fastpysgi", "fastpysgi {app} --host 127.0.0.1 --port {port} --loglevel 1", frozenset({ASGI})),
    Peer("hypercorn", "hypercorn {app} --worker-class uvloop --workers 1 --bind 127.0.0.1:{port}", BOTH),
    Peer("gunicorn", "gunicorn {app} --worker-class asgi --workers 1 --keep-alive 75 --bind 127.0.0.1:{port}", BOTH),
    Peer(
        "gunicorn, gthread",
        "gunicorn {app} --worker-class gthread --threads 4 --workers 1 --keep-alive 75 --bind 127.0.0.1:{port}",
        frozenset({WSGI}),
    ),
    Peer("granian, WSGI", GRANIAN + " --interface wsgi --blocking-threads 1", frozenset({WSGI})),
    Peer("peregrine, WSGI", "peregrine {app} --port {port} --protocol wsgi --log-level error", frozenset({WSGI})),
    Peer("fastpysgi, WSGI", "fastpysgi {app} --host 127.0.0.1 --port {port} --loglevel 1", frozenset({WSGI})),
    Peer(
        "uwsgi",
        "uwsgi --http 127.0.0.1:{port} --http-keepalive=75 "
        "--http-auto-chunked --module {app} --master --processes 1 --disable-logging --need-app",
        frozenset({WSGI}),
    ),
)

NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; client_max_body_size 16m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream app {{ server unix:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Host $host;
                  proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; }} }}
}}
"""
HAPROXY = """
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend web
  bind 127.0.0.1:{port}
  default_backend app
backend app
  server app unix@{upstream} pool-max-conn 256
"""


def serving(workload: Workload, peers: tuple[Peer, ...] = PEERS) -> list[Peer]:
    """The peers that can serve it."""
    return [one for one in peers if workload.interface in one.interfaces and (one.deflate or not workload.deflate)]


def commands(workload: Workload) -> dict[str, str]:
    """By name, for the report."""
    return {one.name: f"{one.front} -> {one.command}" if one.front else one.command for one in serving(workload)}


@contextlib.contextmanager
def nginx(folder: Path, port: int, upstream: Path, cpu: str = SERVER_CPU):
    config = folder / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""
    config.write_text(user + NGINX.format(folder=folder, port=port, upstream=upstream))
    with pinned(cpu, ["nginx", "-c", config], folder / "nginx.log") as process:
        wait_until_it_listens(("127.0.0.1", port), process)
        yield process


@contextlib.contextmanager
def haproxy(folder: Path, port: int, upstream: Path, cpu: str = SERVER_CPU):
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=port, upstream=upstream))
    with pinned(cpu, ["haproxy", "-db", "-f", config], folder / "haproxy.log") as process:
        wait_until_it_listens(("127.0.0.1", port), process)
        yield process


FRONTS = {"nginx": nginx, "haproxy": haproxy}


@contextlib.contextmanager
def start(peer: Peer, workload: Workload, programs: Path) -> Iterator[Target]:
    """A fresh server that listens. `programs` is bin/ of the peers' environment."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bm-peer-") as name, contextlib.ExitStack() as stack:
        folder, environment = (
            Path(name),
            dict(os.environ, PYTHONPATH=str(APPS), PATH=f"{programs}:{os.environ['PATH']}"),
        )
        listens_at = str(folder / "app.sock") if peer.front else ("127.0.0.1", port)
        words = peer.command.format(app=f"{workload.module}:application", port=port, socket=folder / "app.sock")
        program, *options = shlex.split(words)
        command = [programs / program, *options]
        server = stack.enter_context(pinned(SERVER_CPU, command, folder / "server.log", environment))
        wait_until_it_listens(listens_at, server)
        roots = [server.pid]
        if peer.front:
            front = FRONTS[peer.front](folder, port, folder / "app.sock")
            roots.append(stack.enter_context(front).pid)
        wait_for_an_answer(port, workload.probe_path, workload.method, workload.body, workload.header_fields)
        yield Target(port, "localhost", tuple(roots), peer.command)
