"""Marks what a request prints with its ids, so that the log can tell the lines of requests apart.

Each line that is written to sys.stdout or sys.stderr in the context of a request (its own coroutine, tasks that it
makes, threads that carry its context) begins with RS <input id> ' ' <function call id> US; engine/runtime/line_marks.h
takes that off again. What goes around those two objects (os.write, child processes, C code) is unmarked.
"""

import io
import sys

_IDS = "modal._runtime.execution_context"


def install():
    """Replaces sys.stdout and sys.stderr, unless somebody has done so already. The original objects stay as they are."""
    for name in ("stdout", "stderr"):
        original = getattr(sys, name)
        if type(original) is io.TextIOWrapper:
            setattr(sys, name, _Marking(original))


class _Marking(io.TextIOWrapper):
    def __init__(self, original):
        super().__init__(
            original.buffer,
            encoding=original.encoding,
            errors=original.errors,
            line_buffering=original.line_buffering,
            write_through=original.write_through,
        )
        self.mode = original.mode
        self._within_line = False

    def write(self, text):
        mark = _mark()
        if not mark or not isinstance(text, str) or not text:
            written = super().write(text)
            self._note_end(text)
            return written
        whole = text.endswith("\n")
        marked = text[:-1].replace("\n", "\n" + mark) + "\n" if whole else text.replace("\n", "\n" + mark)
        super().write(marked if self._within_line else mark + marked)
        self._note_end(text)
        return len(text)

    def _note_end(self, text):
        if text:
            self._within_line = not text.endswith("\n")


def _mark():
    context = sys.modules.get(_IDS)
    try:
        # pylint: disable=protected-access
        return f"\x1e{context._current_input_id.get()} {context._current_function_call_id.get()}\x1f"
    except (AttributeError, LookupError):  # not imported yet, built in another way, or no request
        return ""
