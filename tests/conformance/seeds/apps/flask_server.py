import modal
from flask import Flask

app = modal.App("flask-server")
image = modal.Image.debian_slim().pip_install("flask")

flask_app = Flask(__name__)


@flask_app.route("/")
def index():
    return {"status": "ok"}


@app.function(image=image)
@modal.wsgi_app()
def flask_server():
    return flask_app
