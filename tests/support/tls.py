"""Certificates made by openssl(1), and Python's TLS client to names that no resolver knows."""

import http.client
import os
import socket
import ssl
import subprocess
from pathlib import Path


class Authority:
    """A CA of the test's own in `folder`; `file` is what clients trust."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.file = folder / "authority.pem"
        self._openssl("req", "-x509", *self._key("authority"), "-out", self.file, "-days", "2", "-subj", "/CN=test CA")

    def issue(self, name: str, *names: str) -> tuple[Path, Path]:
        """Certificate and key for those DNS names, in files called after `name`; replaced whole, key last."""
        request, made = self.folder / f"{name}.csr", self.folder / f"{name}.fresh"
        extensions = self.folder / f"{name}.ext"
        extensions.write_text("subjectAltName=" + ",".join(f"DNS:{each}" for each in names))
        self._openssl("req", "-new", *self._key(f"{name}.fresh"), "-out", request, "-subj", "/CN=test")
        self._openssl(
            *("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.folder / "authority.key"),
            *("-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", made),
        )
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        os.replace(made, certificate)
        os.replace(self.folder / f"{name}.fresh.key", key)
        return certificate, key

    def _key(self, name: str) -> list:
        made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout"]
        return [*made, self.folder / f"{name}.key"]

    @staticmethod
    def _openssl(*words) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True)


def trusting(file: Path | str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(file))
    context.set_alpn_protocols(["http/1.1"])
    return context


def connect(port: int, name: str, context: ssl.SSLContext, address: str = "127.0.0.1", **options) -> ssl.SSLSocket:
    raw = socket.create_connection((address, port), timeout=30)
    try:
        return context.wrap_socket(raw, server_hostname=name, **options)
    except BaseException:
        raw.close()
        raise


class Connection(http.client.HTTPConnection):
    """One connection to `name`, at 127.0.0.1 and that port."""

    def __init__(self, port: int, name: str, context: ssl.SSLContext, **options):
        super().__init__(f"{name}:{port}", timeout=60)
        self._open = lambda: connect(port, name, context, **options)

    def connect(self) -> None:
        self.sock = self._open()


def ask(port: int, name: str, context: ssl.SSLContext, path: str = "/", method: str = "GET", body=None) -> tuple:
    """Status and body of one request on a connection of its own."""
    connection = Connection(port, name, context)
    try:
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
