"""Where the runner to test is, and how long to wait for it."""

import os
from pathlib import Path

HERE = Path(__file__).parent
_built = HERE.parents[1] / "build" / "debug" / "runner"
RUNNER_DIR = Path(os.environ.get("BIMODAL_RUNNER_DIR", _built)).resolve()
VENVS = Path(os.environ.get("BIMODAL_TEST_VENVS", HERE.parents[1] / "build" / "venvs"))
TIMEOUT = 20  # seconds; every wait ends after this
