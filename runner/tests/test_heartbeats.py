"""The client's clock for heartbeats, which the daemon's questions replace."""

import importlib.util
import types

from paths import RUNNER_DIR, TIMEOUT

_SPEC = importlib.util.spec_from_file_location("heartbeats", RUNNER_DIR / "bimodal_runner/heartbeats.py")
heartbeats = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(heartbeats)


def test_the_client_waits_for_the_daemons_question_rather_than_for_its_clock():
    module = types.SimpleNamespace(HEARTBEAT_INTERVAL=15.0, HEARTBEAT_TIMEOUT=15.1)
    heartbeats.install(module)
    assert (module.HEARTBEAT_INTERVAL, module.HEARTBEAT_TIMEOUT) == (600.0, 600.1)


def test_a_client_that_is_built_otherwise_goes_by_its_own_clock():
    module = types.SimpleNamespace(HEARTBEAT_INTERVAL=15.0)
    heartbeats.install(module)
    assert vars(module) == {"HEARTBEAT_INTERVAL": 15.0}


def test_an_answer_without_inputs_brings_the_next_heartbeat_in_a_second(start):
    container = start("plain")
    container.control.heartbeats.get(timeout=TIMEOUT)
    container.control.cancel("")
    container.control.heartbeats.get(timeout=TIMEOUT)
    container.finish()
