"""Pebble, an ACME server for tests, with a DNS server that says what a test wants; both on loopback."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

import httpx

from support.waiting import eventually


def free_ports(count: int) -> list[int]:
    """Ports that nobody has at the moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Pebble:
    """Validates at the ports `web` (HTTP-01) and `https` (TLS-ALPN-01) of 127.0.0.1, where all names lead.

    `log()` is what it says, `root` a PEM file with the root of its certificates, `ca_file` whom its own server needs
    trusted as.
    """

    def __init__(self, **settings: str):
        self.folder = Path(tempfile.mkdtemp(prefix="bm-pebble-"))
        self.web, self.https, self._port, management, self.dns, self._challenges = free_ports(6)
        self.ca_file = self.folder / "server.pem"
        self.root = self.folder / "root.pem"
        self._log = self.folder / "log"
        self.directory = f"https://127.0.0.1:{self._port}/dir"
        self._make_certificate()
        config = {
            "listenAddress": f"127.0.0.1:{self._port}",
            "managementListenAddress": f"127.0.0.1:{management}",
            "certificate": str(self.ca_file),
            "privateKey": str(self.folder / "server.key"),
            "httpPort": self.web,
            "tlsPort": self.https,
        }
        (self.folder / "config.json").write_text(json.dumps({"pebble": config}))
        environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", **settings}
        words = ["pebble", "-config", self.folder / "config.json", "-dnsserver", f"127.0.0.1:{self.dns}"]
        dns = ["-dns01", f"127.0.0.1:{self.dns}", "-management", f"127.0.0.1:{self._challenges}", "-defaultIPv6", ""]
        for kind in ("-http01", "-https01", "-tlsalpn01"):
            dns += [kind, ""]
        with self._log.open("w") as log:
            self._processes = [
                subprocess.Popen(["pebble-challtestsrv", *dns], stdout=log, stderr=log),
                subprocess.Popen(words, stdout=log, stderr=log, env=environment),
            ]
        with httpx.Client(verify=ssl.create_default_context(cafile=self.ca_file), trust_env=False) as client:
            self.root.write_text(eventually(lambda: self._root(client, management), 20, "Pebble's answer"))
        eventually(lambda: self.say_address("ready.example.com", "127.0.0.1"), 20, "the DNS server's answer")

    @staticmethod
    def _root(client: httpx.Client, port: int) -> str:
        try:
            return client.get(f"https://127.0.0.1:{port}/roots/0").text
        except httpx.TransportError:
            return ""

    def _make_certificate(self) -> None:
        words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        words += ["-keyout", self.folder / "server.key", "-out", self.ca_file, "-days", "2", "-subj", "/CN=pebble"]
        subprocess.run([*words, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)

    @property
    def settings(self) -> dict[str, str]:
        """Of a daemon that gets its certificates here."""
        return {
            "BIMODAL_WEB": f"127.0.0.1:{self.web}",
            "BIMODAL_HTTPS": f"127.0.0.1:{self.https}",
            "BIMODAL_ACME": "true",
            "BIMODAL_ACME_AGREE_TERMS": "true",
            "BIMODAL_ACME_DIRECTORY": self.directory,
            "BIMODAL_ACME_CA_FILE": str(self.ca_file),
        }

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def say_address(self, name: str, address: str) -> bool:
        """From now on the DNS server gives that address for that name."""
        record = {"host": f"{name}.", "addresses": [address]}
        try:
            return httpx.post(f"http://127.0.0.1:{self._challenges}/add-a", json=record, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def write_hook(self, wait_for: Path | None = None) -> Path:
        """A program for acme.dns_hook that has the DNS server say what it is told, once there is a file `wait_for`."""
        hook = self.folder / "hook"
        post = f"curl -sf http://127.0.0.1:{self._challenges}"
        lines = ["#!/bin/sh", "set -e", f'echo "$@" >> {self.folder}/hook.log']
        if wait_for:
            lines += [f"while [ ! -e {wait_for} ]; do sleep 0.05; done"]
        lines += [
            'if [ "$1" = present ]; then',
            f"""{post}/set-txt -d "{{\\"host\\": \\"$2.\\", \\"value\\": \\"$3\\"}}"; else""",
            f"""{post}/clear-txt -d "{{\\"host\\": \\"$2.\\"}}"; fi""",
        ]
        hook.write_text("\n".join(lines) + "\n")
        hook.chmod(0o755)
        return hook

    @property
    def hook_calls(self) -> list[str]:
        file = self.folder / "hook.log"
        return file.read_text().splitlines() if file.exists() else []

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder)
