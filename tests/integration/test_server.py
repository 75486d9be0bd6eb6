"""@app.server: a server that a class starts, behind a gateway that has no queue for it."""

import re
import threading
import time
from urllib.parse import urlsplit

import pytest
from support.apps import write
from support.waiting import eventually
from support.websocket import dial

# `name`, `greeting`, `exits` are filled in, so that one script makes several apps and versions.
APP = """
import os
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import modal

app = modal.App("{name}")
{more}

class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/slow"):
            time.sleep(float(self.path.partition("=")[2]))
        if self.headers.get("Upgrade"):
            return self.switch()
        self.answer(f"{greeting} {{os.environ['MODAL_TASK_ID']}}".encode())

    do_OPTIONS = do_GET

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])).upper())

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def switch(self):
        self.send_response(101)
        self.send_header("Connection", "upgrade")
        self.send_header("Upgrade", self.headers["Upgrade"])
        self.end_headers()
        self.wfile.write(self.connection.recv(100).upper())
        self.close_connection = True

    def log_message(self, *words):
        pass


def serve(address, port):
    threading.Thread(target=ThreadingHTTPServer((address, port), Echo).serve_forever, daemon=True).start()
"""

OPEN = """
@app.server(port=8123, unauthenticated=True, exit_grace_period={grace}, min_containers={least}, max_containers=3)
class Open:
    @modal.enter()
    def start(self):
        serve("0.0.0.0", 8123)

    @modal.exit()
    def stop(self):
        print("left {greeting}", flush=True)
"""

OTHERS = """
@app.server(unauthenticated=True, min_containers=0)
class Files:
    @modal.enter()
    def startup(self):
        subprocess.Popen("python -m http.server -d /etc 8000", shell=True)


@app.server(port=8000)
class Closed:
    @modal.enter()
    def start(self):
        serve("0.0.0.0", 8000)


@app.server(port=8000, unauthenticated=True, startup_timeout=10)
class Loopback:
    @modal.enter()
    def start(self):
        serve("127.0.0.1", 8000)


@app.server(port=8000, unauthenticated=True, startup_timeout=10)
class Silent:
    @modal.enter()
    def start(self):
        pass


@app.server(port=8000, unauthenticated=True)
class Broken:
    @modal.enter()
    def start(self):
        raise RuntimeError("no weights")
"""


def script(folder, name, greeting="hello", least=0, grace=10, more="", others=""):
    text = (APP + OPEN).format(name=name, greeting=greeting, least=least, grace=grace, more=more) + others
    return write(folder, text, name)


def by_name(urls: list[str]) -> dict[str, str]:
    """ "https://ws--app-cls.domain" as {"cls": …}."""
    return {re.sub(r"-dev$", "", urlsplit(url).hostname.split(".")[0]).rpartition("-")[2]: url for url in urls}


@pytest.fixture(scope="module")
def urls(daemon, tmp_path_factory):
    folder = tmp_path_factory.mktemp("servers")
    return by_name(daemon.deploy(script(folder, "machines", least=2, others=OTHERS)))


def ready(daemon, url: str, **options):
    """The first answer that isn't "not ready"."""

    def answer():
        got = daemon.get(url, **options)
        return got if got.status_code != 503 else None

    return eventually(answer, 60, f"an answer of {url}")


def test_requests_are_refused_until_a_container_is_ready(daemon, urls):
    first = daemon.get(urls["files"] + "/passwd")
    assert (first.status_code, first.headers["retry-after"]) == (503, "1")
    assert first.headers["bimodal-error"] == "server-not-ready" and first.text.startswith("modal-http: ")
    answer = ready(daemon, urls["files"] + "/passwd")
    assert answer.status_code == 200 and answer.text.startswith("root:")


def test_every_kind_of_request_reaches_the_server(daemon, urls):
    assert ready(daemon, urls["open"]).text.startswith("hello ta-")
    assert daemon.post(urls["open"], content=b"abc").text == "ABC"
    head = f"GET / HTTP/1.1\r\nHost: {urlsplit(urls['open']).netloc}\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nhey"
    with dial(daemon) as caller:
        caller.sendall(head.encode())
        answer = caller.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 101 ") and answer.endswith(b"HEY")


def test_requests_of_one_session_go_to_one_container(daemon, urls):
    eventually(lambda: len([c for c in daemon.containers("machines") if c["state"] == "warm"]) >= 2, 60, "both warm")
    homes = {}
    for _ in range(3):
        for session in range(16):
            home = daemon.get(urls["open"], headers={"Modal-Session-ID": f"session {session}"}).text
            assert homes.setdefault(session, home) == home
    assert len(set(homes.values())) == 2, "both containers have some"


def test_a_server_wants_proxy_credentials_unless_it_says_otherwise(daemon, urls):
    missing = daemon.get(urls["closed"])
    assert (missing.status_code, missing.text) == (401, "modal-http: missing credentials for proxy authorization")
    wrong = daemon.get(urls["closed"], headers={"Modal-Key": "wk-1", "Modal-Secret": "ws-1"})
    assert (wrong.status_code, wrong.text) == (401, "modal-http: invalid credentials for proxy authorization")
    question = {"Access-Control-Request-Method": "POST", "Origin": "http://x"}
    assert daemon.web.request("OPTIONS", urls["closed"], headers=question).status_code != 401


def test_a_server_that_nobody_can_reach_says_why(daemon, urls):
    for name in ("loopback", "silent", "broken"):
        assert daemon.get(urls[name]).status_code == 503
    broken = ready(daemon, urls["broken"])
    assert broken.status_code == 500 and broken.text.endswith("status Failure: RuntimeError: no weights")
    loopback = ready(daemon, urls["loopback"])
    assert "the server listens on 127.0.0.1:8000 only" in loopback.text and "bind it to 0.0.0.0" in loopback.text
    assert "nothing listens on port 8000 after 10 s" in ready(daemon, urls["silent"]).text


def test_the_sdk_finds_a_server_and_changes_its_scaling(daemon, urls):
    done = daemon.python(
        """
import modal
server = modal.Server.from_name("machines", "Open")
print(server.get_url())
print(server.update_autoscaler(max_containers=2, target_concurrency=1.5).target_concurrency)
"""
    )
    assert done.status == 0, done.output
    assert urls["open"] in done.output.split() and "1.5" in done.output.split(), done.output


@pytest.mark.parametrize(
    "more, named",
    [
        ("@app.server(h2_enabled=True)\nclass H:\n    @modal.enter()\n    def go(self): pass\n", "h2_enabled="),
        (
            "@app.server()\n@modal.sessioned()\nclass S:\n    @modal.enter()\n    def go(self): pass\n",
            "@modal.sessioned",
        ),
    ],
)
def test_what_is_not_supported_is_refused_by_name(daemon, scripts, more, named):
    done = daemon.bimodal("deploy", script(scripts, "unsupported", more=more))
    assert done.status != 0 and named in done.output, done.output


def test_a_redeploy_fails_no_request_and_lets_the_old_server_leave_in_order(daemon, scripts):
    url = by_name(daemon.deploy(script(scripts, "rolling", "before")))["open"]
    assert ready(daemon, url).text.startswith("before")
    slow = []
    caller = threading.Thread(target=lambda: slow.append(daemon.get(url + "/slow=4")))
    caller.start()
    answers = []
    with daemon.start_bimodal("deploy", script(scripts, "rolling", "after", grace=0)) as deploying:
        while not answers or answers[-1] != "after":
            answer = daemon.get(url)
            assert answer.status_code == 200, answer.text
            answers.append(answer.text.split()[0])
            time.sleep(0.01)
        assert deploying.wait() == 0, deploying.output
    caller.join()
    assert set(answers) == {"before", "after"}
    assert (slow[0].status_code, slow[0].text.split()[0]) == (200, "before")
    eventually(lambda: "left before" in daemon.bimodal("app", "logs", "rolling").output, 30, "the exit handler's line")
    eventually(lambda: len(daemon.containers("rolling")) == 1, 30, "one container")
    assert daemon.bimodal("app", "stop", "rolling", "-y").status == 0
    eventually(lambda: "left after" in daemon.bimodal("app", "logs", "rolling").output, 30, "the exit handler's line")


def test_a_served_server_is_reloaded(daemon, scripts):
    with daemon.serve(script(scripts, "served", "one")) as serving:
        url = by_name(serving.urls)["open"]
        assert "-dev." in url
        assert ready(daemon, url).text.startswith("one")
        script(scripts, "served", "two")
        eventually(lambda: daemon.get(url).text.startswith("two"), 60, "the new version")
