import modal
from fastapi import FastAPI, WebSocket

app = modal.App("websockets")


def process(data):
    return data.upper()


web_app = FastAPI()


@web_app.websocket("/ws")
async def websocket_endpoint(websocket: WebSocket):
    await websocket.accept()
    while True:
        data = await websocket.receive_text()
        result = process(data)
        await websocket.send_text(result)


@app.function()
@modal.asgi_app()
def ws_app():
    return web_app
