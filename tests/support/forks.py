"""Zygotes and what they have forked, as the host sees them."""

from pathlib import Path


def zygote_processes(daemon, depth: int) -> list[int]:
    """Pythons that are zygotes (depth 2: that many pid namespaces see them) or were forked by one (depth 3)."""
    found = []
    for directory in Path("/proc").iterdir():
        try:
            if not directory.name.isdigit() or b"BIMODAL_ZYGOTE=" not in (directory / "environ").read_bytes():
                continue
            if _depth(directory) == depth and _descends_from(daemon.info["pid"], int(directory.name)):
                found.append(int(directory.name))
        except OSError:
            continue
    return found


def _descends_from(ancestor: int, pid: int) -> bool:
    while pid not in (0, 1, ancestor):
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid == ancestor


def _depth(directory: Path) -> int:
    lines = (directory / "status").read_text().splitlines()
    return sum(len(line.split()) - 1 for line in lines if line.startswith("NSpid:"))


def unshared_bytes(pid: int) -> int:
    """Memory that no other process has: what the end of this one would give back."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))
