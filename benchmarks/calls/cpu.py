"""Processor time of a daemon and of its containers: what machines that are shared can be compared by."""

from pathlib import Path


class Processes:
    """Of the daemon with that pid; its containers are its descendants."""

    def __init__(self, daemon: int):
        self._daemon = daemon
        self._before = self._read()

    def since(self) -> tuple[float, float]:
        """Seconds of the daemon and of all containers together, since this was made."""
        now = self._read()
        spent = {pid: seconds - self._before.get(pid, 0) for pid, seconds in now.items()}
        return spent[self._daemon], sum(spent.values()) - spent[self._daemon]

    def _read(self) -> dict[int, float]:
        return {pid: _seconds(pid) for pid in _descendants(self._daemon)}


def _seconds(pid: int) -> float:
    total = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(file.read_text().split()[0])
        except OSError:  # it ended
            continue
    return total / 1e9


def _descendants(root: int) -> list[int]:
    parents = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(file.parent.name)] = int(file.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found
