import pytest
from support.inside import Inside
from support.paths import ROOT

PROBE = ROOT / "tests/support/probe.py"


@pytest.fixture(scope="module")
def probe_urls(daemon):
    return daemon.deploy(PROBE)


@pytest.fixture(scope="module")
def inside(daemon, probe_urls) -> Inside:
    return Inside(daemon, next(url for url in probe_urls if "probe-probe" in url))


@pytest.fixture(scope="module")
def inside_limited(daemon, probe_urls) -> Inside:
    return Inside(daemon, next(url for url in probe_urls if "limited" in url))


@pytest.fixture(scope="module")
def inside_offline(daemon, probe_urls) -> Inside:
    return Inside(daemon, next(url for url in probe_urls if "offline" in url))
