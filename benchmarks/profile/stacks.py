"""Stacks of a profile: reading what `perf script` prints, and counting them by the part of a request's way that they are."""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Iterable, Iterator

FRAME = re.compile(r"^\s+[0-9a-f]+ (?P<symbol>.+?) \((?P<object>[^()]*)\)$")


@dataclasses.dataclass(frozen=True)
class Stack:
    """One sample: the thread's name, and its frames from the outermost to the innermost."""

    thread: str
    tid: int
    frames: tuple[str, ...]


def short(symbol: str, path: str) -> str:
    """A frame's name: the function without arguments and templates, or the object where it has no symbol."""
    if symbol.startswith("[unknown]"):
        return path.rsplit("/", 1)[-1] or "[unknown]"
    name = symbol.replace("(anonymous namespace)::", "")
    name = re.sub(r"<[^<>]*>", "", re.sub(r"<[^<>]*>", "", name.split("(", 1)[0]))
    return re.sub(r"(\.isra|\.constprop|\.part|\.cold)[.\d]*$", "", name).removeprefix("bimodal::")


def read(text: Iterable[str]) -> Iterator[Stack]:
    """The samples of `perf script -F comm,tid,ip,sym,dso`, which are separated by empty lines."""
    thread, tid, frames = "", 0, []
    for line in text:
        if not line.strip():
            if frames:
                yield Stack(thread, tid, tuple(reversed(frames)))
            thread, tid, frames = "", 0, []
        elif found := FRAME.match(line):
            frames.append(short(found["symbol"], found["object"]))
        elif frames == [] and (head := re.match(r"^(.*\S)\s+(\d+)\s*$", line)):
            thread, tid = head[1].strip(), int(head[2])
    if frames:
        yield Stack(thread, tid, tuple(reversed(frames)))


# Each part with what one of its stacks has in it. The first part that matches has the sample.
GATEWAY = (
    ("kernel: TCP, sending the answer", r"ServerConnection::(flush|on_turn_end);.*__sys_send"),
    ("kernel: TCP, receiving the request", r"Transport::read;.*recvfrom|ServerConnection::.*;.*recvfrom"),
    ("kernel: stream to the runner, writing", r"RunnerConnection::.*__sys_send"),
    ("kernel: stream to the runner, reading", r"RunnerConnection::.*recvfrom"),
    ("kernel: epoll, and waking up", r"epoll"),
    ("kernel: the rest", r"entry_SYSCALL|asm_|do_syscall"),
    ("parse the head", r"parse_request_head|boost::beast"),
    ("frame of the request", r"begin_request_frame|seal_request_frame"),
    ("write the answer's head", r"write_response_head"),
    ("read the runner's frames", r"FrameReader::|wire::decode|RunnerConnection::on_frame(?!.*Exchange)"),
    ("slot: take and give back", r"try_acquire|Slots::|Lease"),
    ("route and admit", r"RoutingTable|Front::(route|admit)$|RateLimits|Gcra|RequestIds"),
    ("exchange: begin, count, end", r"Exchange|Front::"),
    ("connections and turns", r"ServerConnection|RunnerConnection|Poller|SendQueue"),
)
RUNNER = (
    ("kernel: stream to the gateway, reading", r"recvfrom"),
    ("kernel: stream to the gateway, writing", r"__sys_sendmsg|__sys_sendto"),
    ("kernel: epoll, and waking up", r"epoll"),
    ("kernel: the rest", r"entry_SYSCALL|asm_|do_syscall"),
    ("scope: headers", r"header_list"),
    ("scope: the rest", r"make_scope"),
    ("runner: send(), receive()", r"Request::step;.*Request::(send|receive)"),
    ("application", r"Request::step;.*(PyIter_Send|_PyEval_EvalFrameDefault)"),
    ("asyncio: tasks", r"make_task|_asyncio"),
    ("runner: frames, streams, tasks", r"runner::"),
    ("Python: the event loop", r"."),
)


def by_part(stacks: Iterable[Stack], parts: tuple[tuple[str, str], ...]) -> dict[str, int]:
    """Samples by part, in the order of `parts`; what none matches is "the rest"."""
    rules = [(name, re.compile(rule)) for name, rule in parts]
    counts: collections.Counter[str] = collections.Counter()
    for stack in stacks:
        path = ";".join(stack.frames)
        counts[next((name for name, rule in rules if rule.search(path)), "the rest")] += 1
    return {name: counts[name] for name in [*(name for name, _ in parts), "the rest"] if counts[name]}
