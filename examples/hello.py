# The smallest web function: GET /?name=you answers {"message": "Hello, you!"}.
#
#   bimodal deploy examples/hello.py     answers for good
#   bimodal serve examples/hello.py      answers until Ctrl-C; edit the text and ask again

import modal

app = modal.App("hello")


@app.function()
@modal.fastapi_endpoint()
def hello(name: str = "World"):
    return {"message": f"Hello, {name}!"}
