"""A process that has imported the program and forks it, for `forked_program`: one request a line, one answer a line.

Started with `-m`. It imports nothing that the program does not: no test helper, no pandas.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import sys
import threading
import time
from typing import Any, NoReturn

_NOT_OF_EVERY_RUN = ("jobs.support.fleet_dask",)
"""Dask; it starts threads of its own."""

_FOUND_BY_NAME = ("dateutil.relativedelta", "encodings.idna", "jwt.algorithms", "tzdata", "uvloop", "zipfile")
"""What the libraries or the program import in mid-run; the test of `forked_program` tells what else does."""


def import_the_program() -> None:
    """All of it, also what a command imports only when it is used."""
    sys.modules["numpy"] = None  # type: ignore[assignment]  # as jobs.cli.main does
    for package in ("exporter", "jobs"):
        folder = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(folder, f"{package}."):
            if module.name not in _NOT_OF_EVERY_RUN:
                importlib.import_module(module.name)
    for name in _FOUND_BY_NAME:
        importlib.import_module(name)


def next_program() -> dict[str, Any]:
    """Serve until nobody asks any more. In each forked child it returns, with what that has to be."""
    waiting: dict[int, int] = {}
    gc.freeze()  # the children share what is there
    assert threading.active_count() == 1, "a thread does not survive a fork"
    while line := sys.stdin.readline():
        request = json.loads(line)
        if request["do"] == "fork":
            told, tell = os.pipe()
            answer = os.fork()
            if answer == 0:
                os.close(tell)
                os.read(told, 1)
                os.close(told)
                return dict(request)
            os.close(told)
            waiting[answer] = tell
        elif request["do"] == "go":
            answer = os.write(waiting[request["pid"]], b".")
            os.close(waiting.pop(request["pid"]))
        else:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["pid"], 0)[1])
        print(answer, flush=True)
    sys.exit()


def become(program: dict[str, Any]) -> None:
    """Take over environment, folder, standard streams and arguments; then do what the test prepared."""
    os.environ.clear()
    os.environ.update(program["env"])
    time.tzset()
    os.chdir(program["cwd"])
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    streams = ((os.devnull, os.O_RDONLY), (program["out"], write), (program["err"], write))
    for number, (path, flags) in enumerate(streams):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = [sys.modules["jobs.__main__"].__file__ or "", *program["arguments"]]
    exec(program["prepare"], {})


def end(code: object) -> NoReturn:
    """End as the interpreter does: threads are waited for, `atexit` is served, what nobody holds is destroyed.

    Only what modules hold is not taken apart, which would cost as much as a short run; the end of the process frees it.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    assert isinstance(code, int), code
    os._exit(code)


if __name__ == "__main__":
    import_the_program()
    from jobs.cli import main

    become(next_program())
    code: object = 1
    try:
        main()
    except SystemExit as leave:
        code = leave.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    end(code)
