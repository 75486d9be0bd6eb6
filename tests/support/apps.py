"""Small apps that tests write, change and deploy."""

from pathlib import Path

HELLO = """
import modal

app = modal.App("{app}")


@app.function()
@modal.fastapi_endpoint()
def hello():
    return "{answer}"
"""


def write_hello(folder: Path, answer: str, app: str = "hello") -> Path:
    """An app with one function `hello` that answers the JSON string `answer`."""
    return write(folder, HELLO.format(app=app, answer=answer), app)


def write(folder: Path, text: str, name: str = "app") -> Path:
    script = folder / f"{name.replace('-', '_')}.py"
    script.write_text(text.lstrip("\n"))
    return script
