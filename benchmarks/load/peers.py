"""The servers that are compared: how each is started, found ready and stopped. Loopback only, pinned to one CPU."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from measure import SERVER_CPU

APPS = pathlib.Path(__file__).parent / "apps"
READY_SECONDS = 600


@dataclasses.dataclass
class Target:
    """A ready server: where it answers, under which Host, and the processes whose CPU counts."""

    url: str
    host: str
    root_pids: list[int]
    command: str


def fetch(url: str, host: str) -> tuple[int, bytes]:
    address = url.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request("GET", "/", headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def wait_ready(url: str, host: str) -> None:
    """Polls until the server answers 200, at most READY_SECONDS."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            if fetch(url, host)[0] == 200:
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"{url} did not answer within {READY_SECONDS} s")
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def child(command: list[str], **options):
    process = subprocess.Popen(["taskset", "-c", SERVER_CPU, *command], **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def uvicorn_command(app: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "uvicorn",
        f"{app}:application",
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--no-access-log",
        "--log-level",
        "warning",
        "--app-dir",
        str(APPS),
    ]


@contextlib.contextmanager
def uvicorn(app: str):
    port = free_port()
    command = uvicorn_command(app) + ["--port", str(port)]
    with child(command) as process:
        url = f"http://127.0.0.1:{port}/"
        wait_ready(url, "localhost")
        yield Target(url, "localhost", [process.pid], " ".join(command[1:]))


NGINX = """
worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  upstream app {{ server unix:{dir}/app.sock; keepalive 256; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
                  proxy_set_header Host $host; }} }}
}}
"""


@contextlib.contextmanager
def nginx_uvicorn(app: str):
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        config = pathlib.Path(directory, "nginx.conf")
        config.write_text("user root;\n" * (os.geteuid() == 0) + NGINX.format(dir=directory, port=port))
        command = uvicorn_command(app) + ["--uds", f"{directory}/app.sock"]
        with child(command) as backend, child(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL) as front:
            url = f"http://127.0.0.1:{port}/"
            wait_ready(url, "localhost")
            yield Target(url, "localhost", [backend.pid, front.pid], "nginx -> " + " ".join(command[1:]))


class Bimodal:
    """A daemon on a home of its own with the bench app deployed; `layers` may be a cache of built images."""

    def __init__(self, binary: str, layers: str | None):
        self.binary, self.layers = binary, layers

    @contextlib.contextmanager
    def serve(self, function: str):
        home = tempfile.mkdtemp(prefix="bimodal-bench-")
        environment = dict(
            os.environ,
            BIMODAL_HOME=home,
            BIMODAL_API="127.0.0.1:0",
            BIMODAL_WEB="127.0.0.1:0",
            BIMODAL_ADMIN="127.0.0.1:0",
            BIMODAL_REQUESTS_PER_SECOND="0",
        )
        if self.layers:
            environment["BIMODAL_LAYERS"] = self.layers
        try:
            with child([self.binary, "up", "--foreground"], env=environment) as daemon:
                info = self.wait_daemon(home)
                subprocess.run(
                    [self.binary, "deploy", str(APPS / "bimodal_app.py")],
                    env=environment,
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
                url, host = f"http://{info['web']}/", self.host_of(function, environment)
                wait_ready(url, host)
                yield Target(url, host, [daemon.pid], "bimodal up; bimodal deploy bimodal_app.py")
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def raw(self):
        return self.serve("raw")

    def fastapi(self):
        return self.serve("fastapi")

    def host_of(self, function: str, environment: dict) -> str:
        command = [self.binary, "status", "--json"]
        status = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
        urls = [url for app in status["apps"] for url in app["urls"]]
        return next(url.removeprefix("http://") for url in urls if f"--bench-{function}." in url)

    @staticmethod
    def wait_daemon(home: str) -> dict:
        deadline = time.monotonic() + READY_SECONDS
        path = pathlib.Path(home, "daemon.json")
        while not path.exists():
            if time.monotonic() > deadline:
                raise TimeoutError("the daemon did not become ready")
            time.sleep(0.02)
        return json.loads(path.read_text())
