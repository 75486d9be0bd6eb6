"""The `bimodal` command of an installed wheel: becomes the program that the wheel carries."""

import os
import sys
from pathlib import Path

# bin/bimodal finds bin/bimodal-init and share/bimodal/runner by its own place.
PROGRAM = Path(__file__).parent / "bin" / "bimodal"


def main() -> None:
    # The official client is installed beside this package: its commands run on the same Python.
    os.environ.setdefault("BIMODAL_PYTHON", sys.executable)
    os.execv(PROGRAM, [str(PROGRAM), *sys.argv[1:]])
