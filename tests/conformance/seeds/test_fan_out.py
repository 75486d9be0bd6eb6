"""Endpoints that stream what other functions give."""

from pathlib import Path

import pytest

APPS = Path(__file__).parent / "apps"


@pytest.fixture(scope="module")
def urls(daemon):
    return daemon.deploy(APPS / "fan_out.py")


def test_an_endpoint_streams_the_items_of_another_functions_generator(daemon, urls):
    url = next(url for url in urls if "hook" in url)
    with daemon.web.stream("GET", url) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.read() == b"".join(b"data: result %d\n\n" % i for i in range(10))


def test_an_endpoint_streams_the_results_of_a_map(daemon, urls):
    url = next(url for url in urls if "stream-parallel" in url)
    assert daemon.get(url).text == "".join(f"segment {i}\n" for i in range(10))
