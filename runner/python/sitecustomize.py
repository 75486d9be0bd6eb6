"""Runs before everything else in a container's Python, because its folder is on PYTHONPATH.

Puts the client's dependencies and FastAPI behind everything that the image has, so that what the user installed wins;
runs the image's own sitecustomize, which this one hides; and has the runner take over web functions when the
container was given a listening socket (BIMODAL_LISTEN_FD) and the user doesn't say BIMODAL_RUNNER_TAKEOVER=0. Before anybody
keeps sys.stderr, it is made to mark lines.
"""

import os
import sys


def _append_fallbacks(modal_dir):
    for name in ("deps", "fastapi"):
        path = os.path.join(modal_dir, name)
        if os.path.isdir(path) and path not in sys.path:
            sys.path.append(path)


def _run_hidden_sitecustomize(own_dir):
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    others = [path for path in sys.path if os.path.abspath(path) != own_dir]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        # One that isn't the distribution's may depend on secrets and mounts, which a standby doesn't have yet.
        if os.environ.get("BIMODAL_STANDBY_FD") and os.path.dirname(spec.origin or "") != os.path.dirname(os.__file__):
            from bimodal_runner import standby

            standby.decline(f"{spec.origin} runs at every start")
        spec.loader.exec_module(module_from_spec(spec))


def _main():
    own_dir = os.path.dirname(os.path.abspath(__file__))
    _append_fallbacks(os.path.dirname(own_dir))
    _run_hidden_sitecustomize(own_dir)
    if os.environ.get("BIMODAL_LISTEN_FD"):
        from bimodal_runner import hook, output

        output.install()
        if os.environ.get("BIMODAL_RUNNER_TAKEOVER") != "0":
            hook.install()
    if os.environ.get("BIMODAL_STANDBY_FD"):
        from bimodal_runner import standby

        standby.wait(own_dir)


_main()
