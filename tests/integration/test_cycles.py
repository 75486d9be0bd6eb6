"""Nothing is left of a container that has gone. benchmarks/cycles/run.py does it 10,000 times."""

from support.cycles import run_cycles


def test_containers_that_come_and_go_leave_nothing_behind(fresh_daemon, scripts):
    before, after = run_cycles(fresh_daemon(), scripts, cycles=25, warm_up=10)
    grown = {name: after[name] - before[name] for name in before}
    assert grown.pop("kilobytes") < 4096
    assert grown.pop("descriptors") < 5  # connections of clients come and go
    assert not any(grown.values()), grown
