import asyncio

from tornado.web import Application, RequestHandler, stream_request_body
from tornado.websocket import WebSocketHandler

going = asyncio.Event()


class Index(RequestHandler):
    def get(self):
        self.write("tornado")


@stream_request_body
class Upload(RequestHandler):
    def initialize(self):
        self.size = 0

    def data_received(self, chunk):
        self.size += len(chunk)

    def post(self):
        self.write(str(self.size))


class Stream(RequestHandler):
    async def get(self):
        self.set_header("Content-Type", "text/event-stream")
        self.write("data: one\n\n")
        await self.flush()
        await going.wait()
        self.write("data: two\n\n")


class Go(RequestHandler):
    def get(self):
        going.set()


class Socket(WebSocketHandler):
    def select_subprotocol(self, subprotocols):
        return "chat" if "chat" in subprotocols else None

    def on_message(self, message):
        if message == "bye":
            self.close(4001, "as asked")
        elif isinstance(message, str):
            self.write_message(message.upper())
        else:
            self.write_message(message[::-1], binary=True)


async def main():
    routes = [("/", Index), ("/upload", Upload), ("/stream", Stream), ("/go", Go), ("/ws", Socket)]
    Application(routes).listen(8002, "0.0.0.0")
    await asyncio.Event().wait()


asyncio.run(main())
