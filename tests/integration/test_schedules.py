"""Functions with schedule= are called when they are deployed, and only then."""

from support.apps import write
from support.waiting import eventually

SCHEDULED = """
import modal

app = modal.App("scheduled")


@app.function(schedule={schedule})
def tick():
    print("{word} in", modal.current_function_call_id())


@app.function(schedule=modal.Cron("0 0 30 2 *", timezone="Europe/Berlin"))
def never():
    print("never")
"""


def deploy(daemon, scripts, schedule: str, word: str = "tick"):
    script = write(scripts, SCHEDULED.format(schedule=schedule, word=word), "scheduled")
    return daemon.bimodal("deploy", script)


def logs(daemon) -> str:
    return daemon.bimodal("app", "logs", "scheduled").output


def test_a_deployed_function_is_called_at_its_times_until_it_has_none(daemon, scripts):
    assert deploy(daemon, scripts, "modal.Period(seconds=1)").status == 0
    eventually(lambda: logs(daemon).count("tick in fc-") >= 3, 60, "three scheduled calls")
    refused = deploy(daemon, scripts, 'modal.Cron("* * * * *", timezone="Mars/Olympus")')
    assert refused.status != 0 and "there is no time zone 'Mars/Olympus'" in refused.output, refused.output
    # A deployment takes the old times away with the old function.
    assert deploy(daemon, scripts, 'modal.Cron("0 0 29 2 *", timezone="America/New_York")', "rarely").status == 0
    assert daemon.bimodal("app", "stop", "-y", "scheduled").status == 0
    said = logs(daemon)
    assert "rarely" not in said and "never" not in said and "Traceback" not in said, said
