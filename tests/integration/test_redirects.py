"""edge.redirect_after: callers of slow answers are sent to ask again."""

import threading

from support.apps import write

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
