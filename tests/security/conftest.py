import pytest
from support.daemon import Daemon
from support.inside import Inside
from support.paths import ROOT
from support.waiting import eventually

PROBE = ROOT / "tests/support/probe.py"
READY = 3 * 2  # for each function of the probe app, which has limits or a network of its own


@pytest.fixture(scope="session", params=["0", "16"], ids=["started", "reserve"])
def shared_daemon(request):
    """Every barrier holds for containers that are started from the beginning and for those from the reserve."""
    running = Daemon({"BIMODAL_STANDBY": request.param}).start()
    urls = running.deploy(PROBE)
    if request.param != "0":
        eventually(lambda: ready(running) == READY, 90, "containers in reserve for each function")
    yield running, urls
    running.close()


def ready(daemon) -> int:
    return sum(standby["state"] == "ready" for standby in daemon.status()["standbys"])


@pytest.fixture(scope="session")
def daemon(shared_daemon):
    return shared_daemon[0]


@pytest.fixture(scope="session")
def probe_urls(shared_daemon):
    return shared_daemon[1]


@pytest.fixture(scope="session")
def inside(daemon, probe_urls) -> Inside:
    return Inside(daemon, next(url for url in probe_urls if "probe-probe" in url))


@pytest.fixture(scope="session")
def inside_limited(daemon, probe_urls) -> Inside:
    return Inside(daemon, next(url for url in probe_urls if "limited" in url))


@pytest.fixture(scope="session")
def inside_offline(daemon, probe_urls) -> Inside:
    return Inside(daemon, next(url for url in probe_urls if "offline" in url))
