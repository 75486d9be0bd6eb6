"""Which Python and which packages serve: asked inside Bimodal's container and of the peers' Python, and compared.

As a program it prints its answer for the Python that runs it.
"""

import importlib.metadata
import json
import platform

PACKAGES = ("fastapi", "starlette", "pydantic", "pydantic_core", "anyio", "typing_extensions", "flask", "werkzeug")


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        found[name] = importlib.metadata.version(name)
    return found


if __name__ == "__main__":
    print(json.dumps(versions()))
