"""docs/compatibility.md says what each supported client release is served."""

import os

from support.command import run
from support.paths import OLDEST_PYTHON, PYTHON, ROOT

TOOL = ROOT / "tools/compatibility.py"
PAGE = ROOT / "docs/compatibility.md"


def test_the_compatibility_page_is_what_the_daemon_does(fresh_daemon, tmp_path):
    outputs = []
    for python in (OLDEST_PYTHON, PYTHON):
        daemon = fresh_daemon()
        probed = run([python, TOOL, "probe"], daemon.client_environment)
        assert probed.status == 0, probed.output
        outputs.append(tmp_path / f"{len(outputs)}.json")
        outputs[-1].write_text(probed.output.splitlines()[-1])
    made = run([PYTHON, TOOL, "page", *outputs], dict(os.environ))
    assert made.status == 0, made.output
    if os.environ.get("BIMODAL_WRITE_PAGES"):
        PAGE.write_text(made.output)
    assert PAGE.exists() and made.output == PAGE.read_text(), "BIMODAL_WRITE_PAGES=1 and this test write it anew"
