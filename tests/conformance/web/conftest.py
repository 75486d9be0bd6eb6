"""The two paths that a web request can take inside a container."""

import pytest


@pytest.fixture(params=["takeover", "client"], scope="module")
def path(request):
    return request.param
