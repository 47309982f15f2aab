"""Let every file-system call of every command fail once, with four errors each. Takes hours; needs strace.

python -m tests.crash.every_call_fails                       all of it
python -m tests.crash.every_call_fails --every 10            each tenth
python -m tests.crash.every_call_fails full --errors EIO     one command, one error
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.support.failing_calls import ERRORS
from tests.support.failing_commands import failing_commands


def main() -> int:
    """Print what is wrong, and a line for each command; 1 when anything is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commands", nargs="*", help="Names of commands; without any: all.")
    parser.add_argument("--errors", nargs="+", default=ERRORS)
    parser.add_argument("--every", type=int, default=1, help="Only each N-th call.")
    parser.add_argument("--skip", type=int, default=0, help="Begin later.")
    arguments = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder, failing_commands(Path(folder)) as commands:
        for command in commands:
            if arguments.commands and command.name not in arguments.commands:
                continue
            calls = command.calls()
            tried = 0
            for call in calls[arguments.skip :: arguments.every]:
                for error in arguments.errors:
                    tried += 1
                    for problem in command.problems(call, error):
                        failed += 1
                        print(f"{command.name}: {call.name} {call.path} #{call.number} {error}: {problem}", flush=True)
            print(f"{command.name}: {len(calls)} calls, {tried} failures tried", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
