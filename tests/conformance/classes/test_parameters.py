"""Parameters of a class in the query string of its URLs: a pool for each set of them."""

from pathlib import Path

import pytest

APP = Path(__file__).parent / "apps" / "parameters.py"


@pytest.fixture(scope="module")
def urls(daemon):
    return daemon.deploy(APP)


@pytest.fixture(scope="module")
def url(urls):
    return next(url for url in urls if "takeover" in url)


def test_values_come_from_the_url_and_defaults_from_the_class(daemon, url):
    first = daemon.get(url, params={"name": "Jürgen & Co", "other": "1"}).json()
    assert first[:7] == ["Jürgen & Co", 7, False, "00", "Jürgen & Co", "Jürgen & Co", "1"]
    again = daemon.get(url, params={"size": "7", "name": "Jürgen & Co"}).json()
    assert again[7] == first[7], "the same values, the same container"


def test_each_set_of_values_has_containers_of_its_own(daemon, url):
    one = daemon.get(url, params={"name": "a"}).json()
    other = daemon.get(url + "?name=a&size=-3&loud=true&salt=%FF%00").json()
    assert other[:5] == ["a", -3, True, "ff00", "a"]
    assert one[7] != other[7]


@pytest.mark.parametrize(
    "query, reason",
    [
        ("", "class parameter 'name' is missing; give it in the query string of the URL"),
        ("?name=a&size=big", "class parameter 'size' must be of type int (of 64 bits)"),
        ("?name=a&loud=perhaps", "class parameter 'loud' must be of type bool (true or false)"),
        ("?name=a&name=b", "class parameter 'name' is given twice"),
        (f"?name={'x' * 16_384}", "the class parameters are longer than 16384 bytes"),
    ],
)
def test_what_is_missing_or_wrong_is_named(daemon, url, query, reason):
    answer = daemon.get(url + query)
    assert (answer.status_code, answer.text.strip()) == (400, "modal-http: " + reason)


def test_the_clients_own_path_has_parameters_too(daemon, urls):
    url = next(url for url in urls if "client" in url)
    assert daemon.get(url).json() == ["nobody", 7]
    assert daemon.get(url, params={"size": 8}).json() == ["nobody", 8]


def test_sets_that_are_in_use_are_bounded(fresh_daemon):
    daemon = fresh_daemon({"BIMODAL_MAX_PARAMETER_SETS": "1"})
    url = next(url for url in daemon.deploy(APP) if "takeover" in url)
    assert daemon.get(url, params={"name": "a"}).status_code == 200
    answer = daemon.get(url, params={"name": "b"})
    assert answer.status_code == 429
    assert "scheduler.max_parameter_sets" in answer.text
    assert daemon.get(url, params={"name": "a"}).status_code == 200
