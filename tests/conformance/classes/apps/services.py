"""Classes with web methods: inheritance, hooks, several methods on one container, on both paths."""

import asyncio

import modal

app = modal.App("services")
own_path = modal.Secret.from_dict({"BIMODAL_RUNNER_TAKEOVER": "0"})


class Base:
    @modal.enter(snap=True)
    def read_weights(self):
        self.steps = ["weights"]

    @modal.enter()
    async def connect(self):
        self.steps.append("connected")
        self.lock = asyncio.Lock()  # bound to the loop of all methods

    @modal.exit()
    def leave(self):
        print("leaving", ", ".join(self.steps), flush=True)

    def make_api(self):
        async def api(scope, receive, send):
            if scope["type"] == "lifespan":
                await receive()
                scope["state"]["lifespan"] = "api"
                self.steps.append("lifespan")
                await send({"type": "lifespan.startup.complete"})
                await receive()
                self.steps.append("shutdown")
                await send({"type": "lifespan.shutdown.complete"})
                return
            async with self.lock:
                self.steps.append("request")
            body = f"{scope['state']['lifespan']} {scope['path']}".encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

        return api


@app.cls(scaledown_window=2, enable_memory_snapshot=True)
@modal.concurrent(max_inputs=10)
class Takeover(Base):
    @modal.asgi_app()
    def api(self):
        return self.make_api()

    @modal.fastapi_endpoint()
    async def steps_so_far(self):
        async with self.lock:
            return [modal.current_input_id()[:3], *self.steps]

    @modal.method()
    def plain(self):
        return "called"


@app.cls(secrets=[own_path], scaledown_window=2, enable_memory_snapshot=True)
@modal.concurrent(max_inputs=10)
class Client(Base):
    @modal.asgi_app()
    def api(self):
        return self.make_api()

    @modal.fastapi_endpoint()
    async def steps_so_far(self):
        async with self.lock:
            return [modal.current_input_id()[:3], *self.steps]

    @modal.method()
    def plain(self):
        return "called"
