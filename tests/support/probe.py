"""An app whose caller decides what runs inside its container: the attacker in the tests of barriers."""

import modal

app = modal.App("probe")


def run(code: str):
    """What the code leaves in `result`, or the name of the exception that stopped it."""
    names: dict = {}
    try:
        exec(code, names)
    except BaseException as why:
        return {"stopped": type(why).__name__, "why": str(why)}
    return {"result": names.get("result")}


@app.function(max_containers=1, scaledown_window=300)
@modal.fastapi_endpoint(method="POST")
def probe(data: dict):
    return run(data["code"])


@app.function(max_containers=1, memory=(128, 256), cpu=(0.25, 0.5), scaledown_window=300)
@modal.fastapi_endpoint(method="POST")
def limited(data: dict):
    return run(data["code"])


@app.function(max_containers=1, block_network=True, scaledown_window=300)
@modal.fastapi_endpoint(method="POST")
def offline(data: dict):
    return run(data["code"])
