"""Steps of a start are guarded by the client's own guard, but only those that fail."""

import contextlib
import os
import subprocess
import sys
import types

import pytest
from paths import RUNNER_DIR, TIMEOUT

sys.path.insert(0, str(RUNNER_DIR))
from bimodal_runner import lifecycle  # noqa: E402


class Failed(Exception):
    pass


def make_module(entered):
    class TaskLifecycleManager:
        @contextlib.contextmanager
        def handle_task_lifecycle_exception(self):
            entered.append(self)
            try:
                yield
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                raise Failed from error

    module = types.SimpleNamespace(TaskLifecycleManager=TaskLifecycleManager)
    lifecycle.install(module)
    return module


def test_a_step_that_succeeds_never_enters_the_guard():
    entered = []
    manager = make_module(entered).TaskLifecycleManager()
    with manager.handle_task_lifecycle_exception():
        pass
    assert entered == []


@pytest.mark.parametrize(
    "raised, seen", [(ValueError, Failed), (SystemExit, Failed), (KeyboardInterrupt, KeyboardInterrupt)]
)
def test_what_a_step_raises_goes_through_the_guard(raised, seen):
    entered = []
    manager = make_module(entered).TaskLifecycleManager()
    with pytest.raises(seen) as caught:
        with manager.handle_task_lifecycle_exception():
            raise raised("boom")
    assert entered == [manager]
    assert seen is raised or isinstance(caught.value.__cause__, raised)


def test_the_clients_own_guard_is_replaced_as_soon_as_it_is_imported():
    program = """
from bimodal_runner import hook
hook.install()
from modal._runtime import task_lifecycle_manager
print(type(vars(task_lifecycle_manager.TaskLifecycleManager)["handle_task_lifecycle_exception"]).__module__)
"""
    environment = dict(os.environ, PYTHONPATH=str(RUNNER_DIR), PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=TIMEOUT
    )
    assert (done.stdout, done.stderr) == ("bimodal_runner.lifecycle\n", "")


def test_an_unknown_client_keeps_its_own_path(capsys):
    module = types.SimpleNamespace(TaskLifecycleManager=type("TaskLifecycleManager", (), {}))
    lifecycle.install(module)
    assert "starts take the client's own path" in capsys.readouterr().err
    assert not hasattr(module.TaskLifecycleManager, "handle_task_lifecycle_exception")
