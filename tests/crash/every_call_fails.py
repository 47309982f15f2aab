"""Let every file-system call of every command fail once, with four errors each. Takes hours; needs strace.

python -m tests.crash.every_call_fails tried.jsonl                     all of it
python -m tests.crash.every_call_fails tried.jsonl --every 10          each tenth call
python -m tests.crash.every_call_fails tried.jsonl full --errors EIO   one command, one error

What is in the log already is not tried again: stopped by Ctrl-C, the same command goes on.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.support.commands_under_faults import commands_under_faults
from tests.support.failing_calls import ERRORS, calls_of, run_with_failure
from tests.support.fault_log import Trial, try_all
from tests.support.forked_program import forked_program


def main() -> int:
    """Print what is wrong, and a table in the end; 1 when anything is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", type=Path, help="File for what was tried.")
    parser.add_argument("commands", nargs="*", help="Names of commands; without any: all.")
    parser.add_argument("--errors", nargs="+", default=ERRORS)
    parser.add_argument("--every", type=int, default=1, help="Only each N-th call.")
    parser.add_argument("--jobs", type=int, default=2, help="Commands that run side by side.")
    arguments = parser.parse_args()
    with ExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory())
        programs = [held.enter_context(forked_program()) for _ in range(arguments.jobs)]
        lanes = held.enter_context(commands_under_faults(Path(folder), *programs))
        names = arguments.commands or list(lanes[0])
        calls = {name: calls_of(lanes[0][name])[:: arguments.every] for name in names}
        trials = (
            Trial(name, str(call), error, partial(run_with_failure, call=call, error=error))
            for error in arguments.errors
            for name in names
            for call in calls[name]
        )
        return 0 if try_all(trials, lanes, arguments.log) else 1


if __name__ == "__main__":
    raise SystemExit(main())
