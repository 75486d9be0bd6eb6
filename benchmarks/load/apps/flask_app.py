"""The Flask workloads: 13 bytes, and JSON that comes back."""

from flask import Flask, jsonify, request

application = Flask(__name__)


@application.get("/")
def hello():
    return "Hello, world!"


@application.post("/json")
def echo():
    return jsonify(request.get_json())
