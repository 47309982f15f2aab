"""The program on a terminal: a real pty, of a chosen size."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping

from tests.support.running import ROOT, full, program

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Session:
    """What came on the terminal (`raw` as it came, `text` without escape codes), and how the program ended."""

    def __init__(self, raw: str, code: int) -> None:
        self.raw = raw
        self.text = ESCAPE.sub("", raw).replace("\r\n", "\n")
        self.code = code

    @property
    def lines(self) -> list[str]:
        """Lines of `text`, what was drawn over each other in one line apart."""
        return [part for line in self.text.split("\n") for part in line.split("\r")]

    @property
    def cursor_shown(self) -> bool:
        """Whether the cursor is there at the end."""
        return self.raw.rfind("\x1b[?25l") <= self.raw.rfind("\x1b[?25h")


def on_terminal(
    *arguments: str,
    env: Mapping[str, str],
    width: int = 80,
    interrupt_when: Callable[[str], bool] | None = None,
) -> Session:
    """Run the program on a terminal; Ctrl-C is pressed once `interrupt_when` is true of what came so far."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    variables = {"TERM": "xterm-256color", **full(env)}
    process = subprocess.Popen(
        program(*arguments), env=variables, stdin=side, stdout=side, stderr=side, cwd=ROOT, start_new_session=True
    )
    os.close(side)
    came, pressed, end = b"", False, time.monotonic() + 60
    try:
        while time.monotonic() < end:
            if select.select([main], [], [], 0.2)[0]:
                try:
                    data = os.read(main, 65536)
                except OSError:  # Linux says so at the end of a pty
                    break
                if not data:
                    break
                came += data
            if interrupt_when is not None and not pressed and interrupt_when(came.decode("utf-8", "replace")):
                process.send_signal(signal.SIGINT)
                pressed = True
        return Session(came.decode("utf-8", "replace"), process.wait(10))
    finally:
        process.kill()
        os.close(main)
