"""LitServe: python litserve_app.py PORT"""

import sys

import litserve


class Hello(litserve.LitAPI):
    def setup(self, device):
        pass

    def decode_request(self, request):
        return request["name"]

    def predict(self, name):
        return f"Hello, {name}!"

    def encode_response(self, text):
        return {"message": text}


if __name__ == "__main__":
    server = litserve.LitServer(Hello(), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="error", generate_client_file=False)
