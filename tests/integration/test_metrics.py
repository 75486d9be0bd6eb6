"""bimodal up --admin: /metrics and /healthz."""

import re
import threading
import time
from collections import Counter

import httpx
import pytest
from support.apps import write
from support.daemon import Daemon
from support.metrics import scrape
from support.paths import ROOT
from support.waiting import eventually
from support.websocket import open_websocket

APP = """
import fastapi, modal, time
time.sleep(0.1)
app = modal.App("watched", image=modal.Image.debian_slim())

@app.function()
@modal.concurrent(max_inputs=50)
@modal.asgi_app()
def web():
    site = fastapi.FastAPI()

    @site.get("/fine")
    def fine():
        return "fine"

    @site.post("/fine")
    async def take(request: fastapi.Request):
        return len(await request.body())

    @site.get("/broken")
    def broken():
        raise ValueError("on purpose")

    @site.websocket("/socket")
    async def socket(websocket: fastapi.WebSocket):
        await websocket.accept()
        while True:
            await websocket.send_text(await websocket.receive_text())

    return site

@app.cls()
class Slow:
    @modal.enter()
    def enter(self):
        import time
        time.sleep(0.2)

    @modal.fastapi_endpoint()
    def ask(self):
        return "at last"

@app.function()
def double(x: int):
    return 2 * x
"""
NAMES = {"environment": "main", "app": "watched", "function": "web"}


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A daemon with the app, and the URLs of `web` and `Slow`."""
    limits = {"BIMODAL_REQUESTS_PER_SECOND": "1", "BIMODAL_REQUESTS_BURST": "40s"}
    daemon = Daemon({**limits, "BIMODAL_COLD_START_HEADER": "true"}).start()
    urls = daemon.deploy(write(tmp_path_factory.mktemp("watched"), APP, "watched"))
    yield daemon, next(url for url in urls if "web" in url), next(url for url in urls if "slow" in url)
    daemon.close()


def answered(metrics, method, status):
    return metrics.value(
        "bimodal_http_requests_total", **NAMES, http_request_method=method, http_response_status_code=status
    )


def test_a_start_is_told_by_its_phases_to_its_caller_in_the_log_and_in_metrics(watched):
    daemon, _, slow = watched
    names = {**NAMES, "function": "Slow.*"}
    began = time.monotonic()
    answer = daemon.get(slow)
    took_ms = (time.monotonic() - began) * 1000
    assert answer.json() == "at last"
    told = answer.headers["bimodal-cold-start"]
    phases = {name: float(span) for name, _, span in (each.partition("=") for each in told.split(";"))}
    assert list(phases) == ["queue", "sandbox", "import", "enter", "first"]
    assert phases["import"] >= 100 and phases["enter"] >= 200, told
    assert sum(phases.values()) <= took_ms, told
    assert "bimodal-cold-start" not in daemon.get(slow).headers
    eventually(lambda: f"cold start: {told}" in daemon.bimodal("app", "logs", "watched").output, 10, "line in the log")
    metrics = scrape(daemon)
    for phase, span in phases.items():
        assert metrics.value("bimodal_cold_start_seconds_count", **names, phase=phase) == 1
        assert metrics.value("bimodal_cold_start_seconds_sum", **names, phase=phase) == pytest.approx(
            span / 1000, abs=0.0001
        )
    assert metrics.total("bimodal_container_starts_total", **names) == 1
    assert metrics.value("bimodal_containers", **names, state="idle") == 1
    (container,) = [each for each in daemon.containers() if each["function"] == "Slow.*"]
    daemon.bimodal("container", "stop", "-y", container["task_id"])
    exits = {**names, "reason": "finished"}
    eventually(lambda: scrape(daemon).value("bimodal_container_exits_total", **exits) == 1, 20, "its end")
    (told,) = [each for each in daemon.status()["functions"] if each["function"] == "Slow.*"]
    assert (told["requests"], told["server_errors"]) == (2, 0) and told["p99_ms"] >= 300


def test_plain_inputs_and_rpcs_are_counted(watched):
    daemon, _, _ = watched
    before = scrape(daemon)
    done = daemon.python("import modal; print(modal.Function.from_name('watched', 'double').remote(21))")
    assert done.output.strip() == "42", done.output
    after = scrape(daemon)
    assert after.value("bimodal_inputs_total", status="success") == before.total("bimodal_inputs_total") + 1
    assert after.value("bimodal_inputs", state="waiting") == after.value("bimodal_inputs", state="running") == 0
    for rpc in ("FunctionGet", "FunctionMap", "FunctionGetInputs"):
        assert after.value("bimodal_rpcs_total", rpc_method=rpc, rpc_response_status_code="OK") > before.value(
            "bimodal_rpcs_total", rpc_method=rpc, rpc_response_status_code="OK"
        ), rpc


def test_requests_are_counted_exactly_while_others_scrape(watched):
    daemon, url, _ = watched
    before = scrape(daemon)
    seen, over, failures = Counter(), threading.Event(), []

    def scrape_on():
        try:
            while not over.is_set():
                scrape(daemon)
        except Exception as error:
            failures.append(error)

    scraper = threading.Thread(target=scrape_on)
    scraper.start()
    try:
        for path in ["/fine"] * 5 + ["/missing"] * 3 + ["/broken"] * 2:
            seen["GET", daemon.get(url + path).status_code] += 1
        sent = daemon.post(url + "/fine", content=b"x" * 1000)
        seen["POST", sent.status_code] += 1
        with open_websocket(daemon, url + "/socket") as socket:
            for text in ("one", "two", "three"):
                socket.send(text)
                assert socket.recv() == text
            assert scrape(daemon).value("bimodal_websockets", **NAMES) == 1
        seen["GET", 101] += 1
        while ("GET", 429) not in seen or seen["GET", 429] < 3:
            seen["GET", daemon.get(url + "/fine").status_code] += 1
    finally:
        over.set()
        scraper.join()
    assert not failures
    assert seen["GET", 200] >= 5 and seen["GET", 404] == 3 and seen["GET", 500] == 2 and seen["POST", 200] == 1

    def counted():
        after = scrape(daemon)
        return all(
            answered(after, method, str(status)) - answered(before, method, str(status)) == count
            for (method, status), count in seen.items()
        )

    eventually(counted, 10, f"exactly {seen}")
    after = scrape(daemon)
    assert after.total("bimodal_http_requests_total", **NAMES) - before.total(
        "bimodal_http_requests_total", **NAMES
    ) == sum(seen.values())
    assert after.value("bimodal_http_errors_total", **NAMES, error_type="rate-limit") == seen["GET", 429]
    assert after.value("bimodal_http_request_body_bytes_total", **NAMES) >= 1000
    for direction in ("in", "out"):
        assert after.value("bimodal_websocket_messages_total", **NAMES, direction=direction) == 3
    assert after.value("bimodal_websockets", **NAMES) == 0
    assert after.value("http_server_active_requests", **NAMES) == 0
    timed = sum(count for (_, status), count in seen.items() if status not in (101, 429))
    assert after.value("http_server_request_duration_seconds_count", **NAMES) == timed
    assert after.names() == documented() - {"bimodal_certificates"}  # without ACME
    assert 0 < after.value("process_cpu_seconds_total") < 600
    assert after.value("process_open_fds") > 10


def documented() -> set[str]:
    """The metrics in the table of docs/operating.md."""
    text = (ROOT / "docs" / "operating.md").read_text()
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| (?:counter|gauge|histogram) \|", text, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}


def ask(daemon, path, method="GET", **headers):
    return httpx.request(method, f"http://{daemon.info['admin']}{path}", headers=headers, trust_env=False, timeout=10)


def test_the_admin_listener_answers_two_paths_and_only_to_hosts_that_nobody_can_point_at_it(watched):
    daemon, _, _ = watched
    health = ask(daemon, "/healthz")
    assert (health.status_code, health.text) == (200, "ok\n")
    assert ask(daemon, "/metrics", "HEAD").text == ""
    assert ask(daemon, "/").status_code == 404
    refused = ask(daemon, "/metrics", "POST")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    port = daemon.info["admin"].rpartition(":")[2]
    for host in ("localhost", f"localhost:{port}", "127.0.0.1", f"[::1]:{port}", "192.168.1.9"):
        assert ask(daemon, "/metrics", Host=host).status_code == 200, host
    for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "127.0.0.1.evil.example", "[evil]"):
        assert ask(daemon, "/metrics", Host=host).status_code in (400, 421), host
    assert daemon.token["secret"] not in ask(daemon, "/metrics").text
    assert daemon.status()["admin"] == f"http://{daemon.info['admin']}"


def test_admin_off_is_no_listener(fresh_daemon):
    daemon = fresh_daemon({"BIMODAL_ADMIN": "off"})
    assert daemon.info["admin"] == "" and daemon.status()["admin"] == ""
