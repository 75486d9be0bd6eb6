"""edge.redirect_after: callers of slow answers are sent to ask again."""

import json
import os
import threading
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from support.apps import write
from support.daemon import is_running
from support.http2 import Http2
from support.waiting import eventually

APP = """
import time

import modal

app = modal.App("slow")


@app.function()
@modal.concurrent(max_inputs=20)
@modal.fastapi_endpoint(method="POST")
def work(data: dict):
    time.sleep(1.5)
    return {"done": data["number"]}
"""


def test_a_slow_answer_is_had_by_asking_again_on_whatever_connection(fresh_daemon, scripts):
    daemon = fresh_daemon({"BIMODAL_REDIRECT_AFTER": "400ms"})
    (url,) = daemon.deploy(write(scripts, APP, "slow"))
    answers = []

    def call(number: int) -> None:
        answer = daemon.post(url, json={"number": number}, headers={"Connection": "close"})
        rounds = 0
        while answer.status_code == 303:
            rounds += 1
            answer = daemon.get(url + answer.headers["location"], headers={"Connection": "close"})
        answers.append((number, rounds >= 2, answer.status_code, answer.json()))

    callers = [threading.Thread(target=call, args=[number]) for number in range(12)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(answers) == [(number, True, 200, {"done": number}) for number in range(12)]


LONG = """
import time

import modal

app = modal.App("long")


@app.function()
@modal.concurrent(max_inputs=20)
@modal.fastapi_endpoint(method="POST")
def work(data: dict):
    time.sleep(data["seconds"])
    print("worked", data["number"], flush=True)
    return {"done": data["number"], "pad": "x" * data["size"]}
"""


def test_answers_are_had_from_the_daemon_that_took_over(fresh_daemon, scripts):
    daemon = fresh_daemon({"BIMODAL_REDIRECT_AFTER": "400ms", "BIMODAL_DRAIN": "60s"})
    (url,) = daemon.deploy(write(scripts, LONG, "long"))

    def call(number: int, seconds: float, size: int = 0) -> str:
        answer = daemon.post(url, json={"number": number, "seconds": seconds, "size": size})
        assert answer.status_code == 303, answer.text
        return url + answer.headers["location"]

    ended, large = call(1, 0.6), call(2, 0.6, 1_000_000)
    eventually(lambda: daemon.bimodal("app", "logs", "long").output.count("worked") == 2, 20, "two answers")
    going = call(3, 6)
    before = daemon.replace()
    for location, number, size in (ended, 1, 0), (large, 2, 1_000_000), (going, 3, 0):
        answer = daemon.get(location)
        while answer.status_code == 303:
            assert url + answer.headers["location"] == location
            answer = daemon.get(location)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"done": number, "pad": "x" * size}
    eventually(lambda: not is_running(before), 30, "the end of the daemon before")
    assert daemon.get(going).headers["bimodal-error"] == "unknown-call", "an answer is had once"


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one loop has every call")
def test_over_http_2_the_same_connection_has_the_answer_and_some_others_are_told_to_try_another(fresh_daemon, scripts):
    daemon = fresh_daemon({"BIMODAL_REDIRECT_AFTER": "400ms"})
    (url,) = daemon.deploy(write(scripts, APP, "slow"))
    host = urlsplit(url).netloc
    bound, _, port = daemon.info["web"].rpartition(":")
    address = (bound, int(port))
    with Http2(address) as caller:
        stream = caller.request(host, "/", "POST", [("content-type", "application/json")], ends=False)
        caller.send(stream, b'{"number": 7}', ends=True)
        assert caller.answer(stream)[0] == 303
        location = caller.heads[stream]["location"]
        # Of so many connections, some are another loop's. Whoever gets to the call itself waits, and is sent again.
        with ExitStack() as open_ones:
            others = [open_ones.enter_context(Http2(address)) for _ in range(24)]
            asked = [(other, other.request(host, location)) for other in others]
            heads = [other.head(stream) for other, stream in asked]
        refused = [head for head in heads if head[":status"] == "421"]
        assert refused and refused[0]["bimodal-error"] == "other-connection", heads
        status = 303
        while status == 303:
            stream = caller.request(host, location)
            status, body = caller.answer(stream)
        assert (status, json.loads(body)) == (200, {"done": 7})
