"""Many cold requests at once, each of which needs a container of its own, to the last byte."""

import json

from daemons import Stopper, has_full_reserve
from support.waiting import eventually

from cold.callers import Caller, all_at_once, is_whole
from cold.floor import Floor

LONGEST_SLEEP_S = 60.0


class Bursts:
    """Against a daemon that serves cold.apps.BURST at `url`."""

    def __init__(self, daemon, stopper: Stopper, url: str):
        self._daemon, self._stopper, self._url = daemon, stopper, url
        self._sleep_s = {}

    def each_its_container_ms(self, count: int) -> float:
        """The application sleeps for so long that no container can take a second request, and that long is subtracted."""
        while True:
            seconds = self._sleep_s.setdefault(count, 0.3 + 0.03 * count)
            taken, tasks = self._ask(count, f"?seconds={seconds}")
            if len(tasks) == count:
                return taken - seconds * 1000
            assert seconds < LONGEST_SLEEP_S, f"{len(tasks)} containers for {count} requests"
            self._sleep_s[count] = 2 * seconds

    def any_container_ms(self, count: int) -> float:
        """What a caller sees whose application does nothing: a container may take several."""
        return self._ask(count, "")[0]

    def _ask(self, count: int, query: str) -> tuple[float, set[str]]:
        self._stopper.stop_all()
        eventually(lambda: has_full_reserve(self._daemon), 60, "a full reserve")
        callers = [Caller(self._url, query) for _ in range(count)]
        taken, answers = all_at_once([one.socket for one in callers], [one.request for one in callers], is_whole)
        for one in callers:
            one.close()
        return taken, {json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in answers}


def floor_ms(floor: Floor, count: int) -> float:
    """The same number of clones, and a byte from each."""
    connections = [floor.connection() for _ in range(count)]
    taken, _ = all_at_once(connections, [b"f"] * count, lambda answer: len(answer) == 1)
    for connection in connections:
        connection.close()
    floor.clear()
    return taken
