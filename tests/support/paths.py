"""Where the tested program, the clients and the shared image layers are."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIMODAL = Path(os.environ.get("BIMODAL_TEST_BINARY", ROOT / "build/release/bin/bimodal"))
PYTHON = Path(sys.executable)
OLDEST_PYTHON = ROOT / ".cache/venv-oldest/bin/python"
EXAMPLES = ROOT / "examples"
# Base images take minutes to make, so all daemons of all test runs share them.
LAYERS = Path(os.environ.get("BIMODAL_TEST_LAYERS", ROOT / "build/test-layers"))
