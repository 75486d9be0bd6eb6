# A class that loads its model once per container, before the first request.
#
#   bimodal deploy examples/model_service.py

import modal

app = modal.App("model-service")


@app.cls(scaledown_window=120)
class Sentiment:
    @modal.enter()
    def load_model(self):
        self.weights = {"good": 1, "great": 2, "bad": -1, "awful": -2}

    @modal.fastapi_endpoint(method="POST")
    def predict(self, data: dict):
        score = sum(self.weights.get(word, 0) for word in data["text"].lower().split())
        return {"score": score}
