"""Python and frameworks of both sides of a comparison, and where they differ."""

from __future__ import annotations

import json
import subprocess

from goals.rows import Context

from load.bimodal import Bimodal
from load.peers import APPS


def framework_versions(context: Context, bimodal: Bimodal) -> dict[str, dict[str, str]]:
    """Python and frameworks, inside Bimodal's container and in the peers' environment."""
    words = [context.peers / "python", APPS / "versions.py"]
    peers = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    with bimodal.daemon() as daemon:
        answer = daemon.get(bimodal.url("which"))
        if answer.status_code != 200:
            raise RuntimeError(f"the container doesn't tell its versions: {answer.text}")
        return {"bimodal": answer.json(), "peers": peers}


def differences(versions: dict[str, dict[str, str]]) -> list[str]:
    ours, theirs = versions["bimodal"], versions["peers"]
    names = sorted(ours.keys() | theirs.keys())
    return [
        f"{name}: bimodal {ours.get(name)}, peers {theirs.get(name)}"
        for name in names
        if ours.get(name) != theirs.get(name)
    ]
