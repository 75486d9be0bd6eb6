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


# One request by hand: the client takes a new key for each.
REQUEST = """
import asyncio, os, urllib.parse
import modal
from grpclib.client import Channel
from modal_proto import api_pb2
from modal_proto.api_grpc import ModalClientStub

function_id = modal.Function.from_name('plain', 'nap').hydrate().object_id

async def main():
    url = urllib.parse.urlparse(os.environ['MODAL_SERVER_URL'])
    headers = {
        'x-modal-client-type': '1',
        'x-modal-client-version': modal.__version__,
        'x-modal-token-id': os.environ['MODAL_TOKEN_ID'],
        'x-modal-token-secret': os.environ['MODAL_TOKEN_SECRET'],
        'x-idempotency-key': 'one',
    }
    async with Channel(url.hostname, url.port) as channel:
        request = api_pb2.FunctionMapRequest(function_id=function_id, function_call_type=2)
        print((await ModalClientStub(channel).FunctionMap(request, metadata=headers)).function_call_id)

asyncio.run(main())
"""


def call_made_by_request(daemon) -> str:
    done = daemon.python(REQUEST)
    assert done.status == 0, done.output
    return done.output.strip()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_a_map_goes_on_with_the_next_daemon_which_knows_its_request(fresh_daemon):
    daemon = fresh_daemon({"BIMODAL_API": f"127.0.0.1:{free_port()}"})
    daemon.deploy(APP)
    call = call_made_by_request(daemon)
    with Running([PYTHON, "-c", CODE], daemon.client_environment) as running:
        running.wait_for("it runs")
        daemon.kill()
        daemon.start()
        running.wait_for("200 results")
        assert running.wait() == 0
    assert call_made_by_request(daemon) == call, "the same request makes no second call"
