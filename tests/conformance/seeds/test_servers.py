"""wsgi_app, web_server, and the frameworks that the pages name."""

from pathlib import Path

APPS = Path(__file__).parent / "apps"


def url_of(urls, part):
    return next(url for url in urls if part in url)


def test_flask_answers_on_its_routes(daemon):
    (server,) = daemon.deploy(APPS / "flask_server.py")
    (echo,) = daemon.deploy(APPS / "flask_echo.py")
    assert daemon.get(server).json() == {"status": "ok"}
    assert daemon.get(server + "/nowhere").status_code == 404
    assert daemon.post(echo + "/echo", json={"deep": [1, None]}).json() == {"deep": [1, None]}


def test_a_server_that_is_started_as_a_process_answers(daemon):
    done = daemon.bimodal("deploy", APPS / "custom_servers.py")
    assert done.status == 0, done.output
    assert done.output.count("it will run on the CPU") == 1 and 'gpu="H100' in done.output
    assert daemon.get(url_of(done.urls, "-serve.") + "/v1/models").json()["data"][0]["id"] == "meta-llama/Llama-3-70B"
    assert daemon.get(url_of(done.urls, "my-server") + "/etc/passwd").text.startswith("root:")


def test_fasthtml_and_django_run_as_they_are(daemon):
    urls = daemon.deploy(APPS / "frameworks.py")
    page = daemon.get(url_of(urls, "fasthtml"))
    assert page.status_code == 200 and "<p>Hello World!</p>" in page.text and 'hx-get="/change"' in page.text
    assert daemon.get(url_of(urls, "django") + "/you").json() == {"hello": "you", "method": "GET"}
    assert daemon.get(url_of(urls, "django") + "/you/and/me").status_code == 404
