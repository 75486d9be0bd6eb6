"""No request fails for a deploy, a scale event, a stop or a death that it wasn't part of."""

from support.downtime import Downtime

RATE = 120  # per second: what a machine of two cores holds beside the deploys
LEAST = 5000


def test_only_requests_inside_a_killed_container_fail(daemon, scripts):
    steady = Downtime(daemon, scripts)
    with steady.begin(RATE) as load:
        steady.redeploy()
        steady.scale(3)
        steady.redeploy("--strategy", "recreate")
        steady.scale(1)
        steady.roll_back()
        steady.redeploy()
        steady.roll_over()
        steady.stop_a_container()
        steady.kill_a_container()
        steady.exhaust_memory()
        steady.replace_daemon()
        steady.redeploy()
        steady.replace_daemon()
        steady.judge(load.finish(at_least=LEAST))
