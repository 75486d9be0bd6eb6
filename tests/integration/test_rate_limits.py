"""Requests beyond limits.requests_per_second."""

import time

from support.apps import write_hello


def test_who_comes_too_often_is_told_the_setting_and_when_to_come_again(fresh_daemon, scripts):
    daemon = fresh_daemon({"BIMODAL_REQUESTS_PER_SECOND": "1", "BIMODAL_REQUESTS_BURST": "10s"})
    (url,) = daemon.deploy(write_hello(scripts, "often"))
    daemon.get(url)  # it waits for the start
    began = time.monotonic()
    answers = [daemon.get(url) for _ in range(30)]
    took = time.monotonic() - began
    passed = [answer for answer in answers if answer.status_code == 200]
    assert 9 <= len(passed) <= 11 + took  # one more for each second that this takes
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.text == "modal-http: more than 1 requests per second (limits.requests_per_second)"
    assert (refused.headers["bimodal-error"], refused.headers["retry-after"]) == ("rate-limit", "1")
