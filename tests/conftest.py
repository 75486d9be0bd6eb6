"""Fixtures of the outer suite. One daemon serves a module's tests; what kills or fills one takes `fresh_daemon`."""

import shutil
import tempfile
from pathlib import Path

import pytest
from support.daemon import Daemon


@pytest.fixture(scope="module")
def daemon():
    """A daemon that the module's tests share."""
    running = Daemon().start()
    yield running
    running.close()


@pytest.fixture
def fresh_daemon():
    """Makes daemons, started or not, that belong to one test."""
    made: list[Daemon] = []

    def make(settings: dict[str, str] | None = None, start: bool = True, **options) -> Daemon:
        one = Daemon(settings, **options)
        made.append(one)
        return one.start() if start else one

    yield make
    for one in made:
        one.close()


@pytest.fixture
def scripts():
    """A folder in which a test writes the app that it deploys."""
    folder = Path(tempfile.mkdtemp(prefix="bm-app-"))
    yield folder
    shutil.rmtree(folder)
