"""Standard input, output and error as the program needs them, whatever they are connected to.

Standard error is for people: what cannot be written there (a full disk, a terminal that is gone, a closed pipe) is
dropped, and the work goes on. Standard output is for data: what cannot be written there is an error, unless its reader
has ended (`| head`). A stream that is closed is opened so that its use fails, and no other file gets its number.

Where nobody reads standard error any more, but it is still open (a pager, a terminal stopped by Ctrl-S), what is said
waits for `PATIENCE` and is then dropped until there is room again: the work, and a stop signal, do not wait for it.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import Any, TextIO

import click

from exporter.errors import StorageFailed
from exporter.text import terminal_safe

PATIENCE = 10.0
"""Seconds that a line on standard error waits for its reader."""


class _Stream(io.RawIOBase):
    """A file descriptor for writing, whose first failure is its last."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._failed = False
        self._is_stalled = False

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        while not self._failed and self.has_reader():
            try:
                return os.write(self._descriptor, data[: select.PIPE_BUF])  # so much never waits where there is room
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except OSError as error:
                # Python writes what is buffered once more at exit, and would end with 120.
                self._failed = True
                self.fail(error)
        return len(data)

    def has_reader(self) -> bool:
        """Whether there is room for what is written now."""
        self._is_stalled = not select.select([], [self._descriptor], [], 0 if self._is_stalled else PATIENCE)[1]
        return not self._is_stalled

    def fail(self, error: OSError) -> None:
        """Nobody reads what goes to standard error any more; the work goes on."""


class _Output(_Stream):
    def has_reader(self) -> bool:
        return True  # data waits for as long as its reader does

    def fail(self, error: OSError) -> None:
        # A reader that has ended has what it wanted. The command goes on: its exit code is about all of its work.
        if not isinstance(error, BrokenPipeError):
            raise StorageFailed(f"standard output cannot be written: {error.strerror}.")


def secure_standard_streams() -> None:
    """Replace `sys.stdout` and `sys.stderr` by streams that fail as this module says."""
    for descriptor, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest free number, which is this one
    sys.stdin = sys.stdin or open(0, encoding="utf-8")  # noqa: SIM115 - open as long as the process
    sys.stdout = _text(_Output(1), sys.stdout)
    sys.stderr = _text(_Stream(2), sys.stderr)


def _text(raw: _Stream, before: TextIO | None) -> io.TextIOWrapper:
    encoding = before.encoding if before is not None else "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=raw.isatty() or raw.fileno() == 2,
    )


def print_line(text: str) -> None:
    """A line on standard output, with nothing in it that a terminal would act on."""
    click.echo(terminal_safe(text))


def print_bytes(data: bytes) -> None:
    """Data on standard output: as it is into a pipe or file, harmless on a terminal."""
    if sys.stdout.isatty():
        sys.stdout.write(terminal_safe(data.decode("utf-8", "replace")))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
