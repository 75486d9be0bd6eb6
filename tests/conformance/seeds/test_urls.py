"""Labels, custom domains, and URLs by program."""

from pathlib import Path

import pytest

APPS = Path(__file__).parent / "apps"


@pytest.fixture(scope="module")
def urls(daemon):
    return daemon.deploy(APPS / "urls.py")


def url_of(urls, part):
    return next(url for url in urls if part in url)


def test_a_label_replaces_app_and_function(daemon, urls):
    assert daemon.get(url_of(urls, "local--api.")).json() == "by label"


def test_a_function_knows_its_own_url(daemon, urls):
    url = url_of(urls, "my-endpoint")
    assert daemon.get(url).json() == {"url": url}


def test_a_deployed_function_is_looked_up_with_its_url(daemon, urls):
    code = "import modal; print(modal.Function.from_name('app-name', 'my_endpoint').get_web_url())"
    done = daemon.python(code)
    assert done.status == 0, done.output
    assert done.output.strip() == url_of(urls, "my-endpoint")


@pytest.mark.parametrize("host", ["api.example.com", "api.example.net"])
def test_a_custom_domain_leads_to_its_function(daemon, urls, host):
    assert daemon.get(f"http://{host}", params={"message": "x"}).json() == {"message": "hello x"}


def test_a_wildcard_domain_leads_to_its_function_where_no_exact_one_does(daemon, urls):
    for host, word in (("www.example.com", "any"), ("WWW2.example.com:80", "any"), ("api.example.com", "hello")):
        assert daemon.get(f"http://{host}", params={"message": "x"}).json() == {"message": f"{word} x"}
    for host in ("example.com", "a.b.example.com"):
        assert daemon.get(f"http://{host}").status_code == 404


def test_the_ordinary_url_goes_on_beside_custom_domains(daemon, urls):
    assert daemon.get(url_of(urls, "app-name-hello"), params={"message": "x"}).json() == {"message": "hello x"}


def test_concurrent_endpoints_answer_posts(daemon, urls):
    assert daemon.post(url_of(urls, "batch-predict"), json={"text": "t"}).json() == {"result": "T"}
