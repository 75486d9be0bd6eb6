"""Every example of examples/ deploys and answers."""

from support.paths import EXAMPLES


def test_every_example_is_tried_here():
    assert {file.name for file in EXAMPLES.glob("*.py")} == {"hello.py", "todo_api.py", "model_service.py"}


def test_hello(daemon):
    (url,) = daemon.deploy(EXAMPLES / "hello.py")
    assert daemon.get(url, params={"name": "you"}).json() == {"message": "Hello, you!"}


def test_todo_api(daemon):
    (url,) = daemon.deploy(EXAMPLES / "todo_api.py")
    assert daemon.post(url + "/todos", json={"title": "write"}).status_code == 201
    assert daemon.get(url + "/todos/1").json() == {"title": "write", "done": False}
    assert daemon.get(url + "/todos/9").status_code == 404


def test_model_service(daemon):
    (url,) = daemon.deploy(EXAMPLES / "model_service.py")
    assert daemon.post(url, json={"text": "a great day"}).json() == {"score": 2}
