"""A daemon that is killed in the middle of a map()."""

import socket
from pathlib import Path

from support.command import Running
from support.paths import PYTHON

APP = Path(__file__).parent / "apps" / "plain.py"
CODE = """
import modal
results = []
for result in modal.Function.from_name('plain', 'nap').map([0.05] * 200):
    results.append(result)
    if len(results) == 5:
        print('it runs', flush=True)
print(len(results), 'results', flush=True)
"""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_a_map_goes_on_with_the_next_daemon(fresh_daemon):
    daemon = fresh_daemon({"BIMODAL_API": f"127.0.0.1:{free_port()}"})
    daemon.deploy(APP)
    with Running([PYTHON, "-c", CODE], daemon.client_environment) as running:
        running.wait_for("it runs")
        daemon.kill()
        daemon.start()
        running.wait_for("200 results")
        assert running.wait() == 0
