"""Let every call of every command to an S3 store be refused once, in five ways. Takes an hour or two.

python -m tests.crash.every_store_call_fails tried.jsonl                                all of it
python -m tests.crash.every_store_call_fails tried.jsonl --every 10                     each tenth call
python -m tests.crash.every_store_call_fails tried.jsonl full --refusals AccessDenied   one command, one way

What is in the log already is not tried again: stopped by Ctrl-C, the same command goes on.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from tests.support.commands_under_faults import Command, commands_on_a_store
from tests.support.fault_log import Trial, try_all
from tests.support.forked_program import forked_program
from tests.support.store_proxy import Refusal, StoreProxy, store_proxy
from tests.support.stores import running_store

REFUSALS: tuple[Refusal, ...] = ("AccessDenied", "ServiceUnavailable", "SlowDown", "ExpiredToken", "lost answer")


def calls_of(command: Command, proxy: StoreProxy) -> list[str]:
    """What it asks of the store."""
    command.reset()
    proxy.refuse(lambda _: None)
    done = command.run(env={"AWS_ENDPOINT_URL": proxy.url})
    assert done.returncode == command.line.code, (done.returncode, done.stdout, done.stderr)
    return [re.sub(r"\.writer-\w+", ".writer", call) for call in proxy.calls]


def run_with_refusal(
    command: Command, proxy: StoreProxy, number: int, refusal: Refusal
) -> subprocess.CompletedProcess[str]:
    """A run in which one call is refused."""
    command.reset()
    proxy.refuse_call(number, refusal)
    return command.run(env={"AWS_ENDPOINT_URL": proxy.url})


def main() -> int:
    """Print what is wrong, and a table in the end; 1 when anything is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", type=Path, help="File for what was tried.")
    parser.add_argument("commands", nargs="*", help="Names of commands; without any: all.")
    parser.add_argument("--refusals", nargs="+", default=REFUSALS)
    parser.add_argument("--every", type=int, default=1, help="Only each N-th call.")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_store("s3") as store,
        store_proxy(store.endpoint) as proxy,
        forked_program() as program,
        commands_on_a_store(Path(folder), store, program) as lane,
    ):
        names = arguments.commands or list(lane)
        calls = {name: calls_of(lane[name], proxy) for name in names}
        trials = (
            Trial(name, call, refusal, partial(run_with_refusal, proxy=proxy, number=number, refusal=refusal))
            for refusal in arguments.refusals
            for name in names
            for number, call in list(enumerate(calls[name]))[:: arguments.every]
        )
        return 0 if try_all(trials, [lane], arguments.log) else 1


if __name__ == "__main__":
    raise SystemExit(main())
