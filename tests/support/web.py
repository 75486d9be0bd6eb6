"""Requests to the daemon's web port by URL, whatever this machine resolves *.localhost to."""

from urllib.parse import urlsplit

import httpx

# A first request may have to wait for a container.
TIMEOUT = httpx.Timeout(120, connect=5)


class Web:
    """An HTTP client that connects to one address and names the URL's host in the Host header."""

    def __init__(self, port: int):
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT, trust_env=False)

    def request(self, method: str, url: str, **options) -> httpx.Response:
        return self._client.request(method, **self._target(url, options))

    def get(self, url: str, **options) -> httpx.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options) -> httpx.Response:
        return self.request("POST", url, **options)

    def stream(self, method: str, url: str, **options):
        return self._client.stream(method, **self._target(url, options))

    def close(self) -> None:
        self._client.close()

    @staticmethod
    def _target(url: str, options: dict) -> dict:
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {**options.pop("headers", {}), "Host": parts.netloc}
        return {**options, "url": path, "headers": headers}
