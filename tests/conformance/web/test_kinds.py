"""Endpoints and WSGI applications by either path."""

from pathlib import Path

import pytest

APP = Path(__file__).parent / "apps" / "kinds.py"


@pytest.fixture(scope="module")
def urls(daemon):
    return daemon.deploy(APP)


def test_an_endpoint_checks_its_parameters(daemon, urls, path):
    url = next(url for url in urls if f"endpoint-{path}" in url)
    assert daemon.get(url, params={"name": "Ann", "times": 2}).json() == ["Hello, Ann", "Hello, Ann"]
    assert daemon.get(url).status_code == 422
    assert daemon.get(url, params={"name": "Ann", "times": "often"}).status_code == 422
    assert daemon.post(url).status_code == 405
    assert daemon.get(url + "/elsewhere").status_code == 404


def test_an_endpoint_with_docs_shows_them_and_lets_other_origins_in(daemon, urls, path):
    url = next(url for url in urls if f"endpoint-{path}" in url)
    assert "/" in daemon.get(url + "/openapi.json").json()["paths"]
    preflight = {"Origin": "https://else.example", "Access-Control-Request-Method": "GET"}
    answer = daemon.web.request("OPTIONS", url, headers=preflight)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://else.example")


def test_a_wsgi_application_gets_its_request(daemon, urls, path):
    url = next(url for url in urls if f"wsgi-{path}" in url)
    answer = daemon.post(url + "/caf%C3%A9?q=1", content=b"body")
    assert (answer.status_code, answer.headers["x-query"]) == (201, "q=1")
    assert answer.content == b"POST /caf\xc3\xa9 body"
