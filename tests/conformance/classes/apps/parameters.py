"""Classes whose parameters come with the URL, on both paths."""

import modal

app = modal.App("parameters")
own_path = modal.Secret.from_dict({"BIMODAL_RUNNER_TAKEOVER": "0"})


@app.cls(scaledown_window=60)
class Takeover:
    name: str = modal.parameter()
    size: int = modal.parameter(default=7)
    loud: bool = modal.parameter(default=False)
    salt: bytes = modal.parameter(default=b"\x00")

    @modal.enter()
    def begin(self):
        self.began_as = self.name

    @modal.fastapi_endpoint()
    def shown(self, name: str = "", other: str = ""):
        return [
            self.name,
            self.size,
            self.loud,
            self.salt.hex(),
            self.began_as,
            name,
            other,
            modal.config.config["task_id"],
        ]


@app.cls(secrets=[own_path], scaledown_window=60)
class Client:
    name: str = modal.parameter(default="nobody")
    size: int = modal.parameter(default=7)

    @modal.fastapi_endpoint()
    def shown(self):
        return [self.name, self.size]
