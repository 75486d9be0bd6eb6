#!/usr/bin/env python3
"""Which RPCs of the client's protocol a running daemon serves: the parts of docs/compatibility.md.

    PYTHON tools/compatibility.py probe           calls every RPC; prints what became of each, as JSON
    PYTHON tools/compatibility.py page A B …      makes the page of several such outputs

PYTHON is an interpreter with the official client of some release; `probe` needs MODAL_SERVER_URL, MODAL_TOKEN_ID and
MODAL_TOKEN_SECRET of a daemon that nobody minds losing what it holds: every RPC is called, without arguments.
"""

import asyncio
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

SERVED, REFUSED, MISSING, UNKNOWN = "served", "refused by name", "missing", "–"
PATIENCE_S = 2  # an RPC that waits for something is served

ABOUT = """# What is served of the client's protocol

Every RPC of the official clients' protocol, for the oldest and the newest supported release. *Served*: a handler answers,
if only to containers. *Refused by name*: the answer says what isn't available here and what to do instead. *Missing*: the
client is told that the RPC isn't available. `–`: that release has no such RPC.

Made by a test run: `BIMODAL_WRITE_PAGES=1 python -m pytest tests/integration/test_compatibility.py` writes this page, and
the same test fails when it is out of date.
"""


def services():
    from modal_proto import api_pb2, task_command_router_pb2

    return {
        "ModalClient": api_pb2.DESCRIPTOR.services_by_name["ModalClient"],
        "TaskCommandRouter": task_command_router_pb2.DESCRIPTOR.services_by_name["TaskCommandRouter"],
    }


async def outcome(channel, method, metadata) -> str:
    from google.protobuf import message_factory
    from grpclib import GRPCError, Status
    from grpclib.const import Cardinality

    request = message_factory.GetMessageClass(method.input_type)
    reply = message_factory.GetMessageClass(method.output_type)
    kind = Cardinality.UNARY_STREAM if method.server_streaming else Cardinality.UNARY_UNARY
    path = f"/{method.containing_service.full_name}/{method.name}"
    try:
        async with channel.request(path, kind, request, reply, timeout=PATIENCE_S, metadata=metadata) as stream:
            await stream.send_message(request(), end=True)
            await stream.recv_message()
            await stream.recv_trailing_metadata()
    except GRPCError as refusal:
        if refusal.status is not Status.UNIMPLEMENTED:
            return SERVED
        return MISSING if refusal.message == f"{method.name} is not available on this server" else REFUSED
    except (asyncio.TimeoutError, TimeoutError):
        return SERVED
    return SERVED


async def probe() -> dict:
    from grpclib.client import Channel

    address = urlsplit(os.environ["MODAL_SERVER_URL"])
    metadata = {
        "x-modal-token-id": os.environ["MODAL_TOKEN_ID"],
        "x-modal-token-secret": os.environ["MODAL_TOKEN_SECRET"],
        "x-modal-client-type": "1",
        "x-modal-client-version": version("modal"),
    }
    found = {}
    async with Channel(address.hostname, address.port) as channel:
        for name, service in services().items():
            found[name] = {}
            for method in sorted(service.methods, key=lambda method: method.name):
                found[name][method.name] = await outcome(channel, method, metadata)
    return {"release": version("modal"), "services": found}


def table(runs: list[dict], service: str) -> list[str]:
    releases = [run["release"] for run in runs]
    names = sorted({name for run in runs for name in run["services"][service]})
    lines = [f"| RPC | {' | '.join(releases)} |", "| --- |" + " --- |" * len(runs)]
    for name in names:
        cells = [run["services"][service].get(name, UNKNOWN) for run in runs]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return lines


def summary(runs: list[dict], service: str) -> list[str]:
    lines = []
    for run in runs:
        outcomes = list(run["services"][service].values())
        counts = ", ".join(f"{outcomes.count(each)} {each}" for each in (SERVED, REFUSED, MISSING))
        lines.append(f"* {run['release']}: {len(outcomes)} RPCs: {counts}.")
    return lines


def page(runs: list[dict]) -> str:
    parts = [ABOUT]
    for service in ("ModalClient", "TaskCommandRouter"):
        parts += [f"## {service}\n", *summary(runs, service), "", *table(runs, service), ""]
    return "\n".join(parts)


def main() -> int:
    if sys.argv[1:] == ["probe"]:
        print(json.dumps(asyncio.run(probe())))
        return 0
    if len(sys.argv) > 2 and sys.argv[1] == "page":
        print(page([json.loads(Path(file).read_text()) for file in sys.argv[2:]]), end="")
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
