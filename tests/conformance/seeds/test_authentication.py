"""Secrets in an app's own authentication, and the caller's address."""

from pathlib import Path

import pytest

APPS = Path(__file__).parent / "apps"


@pytest.fixture(scope="module")
def urls(daemon):
    for name in ("auth-secret", "auth-token"):
        done = daemon.bimodal("secret", "create", name, "AUTH_TOKEN=opensesame")
        assert done.status == 0, done.output
    return daemon.deploy(APPS / "authentication.py")


def url_of(urls, function):
    return next(url for url in urls if function in url)


def test_a_secret_is_an_environment_variable_of_the_function(daemon, urls):
    url = url_of(urls, "secure-predict")
    good = daemon.post(url, json={"text": "abc"}, headers={"Authorization": "Bearer opensesame"})
    assert (good.status_code, good.json()) == (200, {"result": "ABC"})
    assert daemon.post(url, json={"text": "abc"}, headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_fastapi_security_sees_the_bearer_token(daemon, urls):
    url = url_of(urls, "protected")
    assert daemon.get(url, headers={"Authorization": "Bearer opensesame"}).json() == "success!"
    assert daemon.get(url, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert daemon.get(url).status_code in (401, 403)


def test_the_function_sees_the_callers_address(daemon, urls):
    url = url_of(urls, "get-ip")
    assert daemon.get(url, headers={"X-Forwarded-For": "203.0.113.9"}).json() == "Your IP: 127.0.0.1"
