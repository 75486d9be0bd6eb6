"""What the JavaScript and Go clients call."""

import modal

app = modal.App("answers")


@app.function()
def repeat(text: str, times: int = 2) -> str:
    return text * times


@app.function()
def fail():
    raise ValueError("no such fruit")


@app.cls()
class Counter:
    start: int = modal.parameter(default=10)

    @modal.method()
    def add(self, number: int) -> int:
        return self.start + number
