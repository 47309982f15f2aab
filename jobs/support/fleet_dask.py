"""The fleet on a Dask cluster: each account is a task. Needs the extra `fleet`.

Only names of secrets travel: a worker resolves them where it runs. A worker that is lost takes nothing with it but the
requests under way; Dask gives its account to another one, which resumes from the journal in the work folder. How many
lost workers an account survives is the scheduler's `distributed.scheduler.allowed-failures`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from distributed import Client, KilledWorker, Worker, as_completed, get_worker

from exporter.errors import ExportError, InputError, Interrupted, StoppedEarly

if TYPE_CHECKING:
    from jobs.support.console import Console

ANSWER_WITHIN = 10.0
"""Seconds that a scheduler has to answer."""

LOOK_EVERY = 0.5
"""Seconds after which a worker looks whether its account is still wanted of it."""


def run_on_dask(console: Console, entries: list[dict[str, Any]], scheduler: str) -> list[dict[str, Any]]:
    """The results of all accounts, in their order. Raises `InputError` when the cluster is not there.

    SIGINT and SIGTERM end the accounts on the workers too; those that were done by then have their results.
    """
    from exporter.pipeline.fleet import AccountResult
    from jobs.support.fleet_rows import result_row

    results: dict[str, dict[str, Any]] = {}
    stopped: ExportError | None = None
    with _connected(scheduler) as client:
        futures: dict[Any, str] = {}
        try:
            with _raising_signals():
                for entry in entries:
                    key = f"campaign-export-{entry['name']}-{os.getpid()}@{socket.gethostname()}"
                    futures[client.submit(run_entry, entry, key=key, pure=False)] = entry["name"]
                for future in as_completed(futures, loop=client.loop):
                    name = futures[future]
                    results[name] = _result(name, future)
                    for line in results[name].pop("log", []):
                        console.say(f"{name}: {line}", event="account", account=name)
        except Interrupted as error:
            stopped = error
            client.cancel(list(futures), force=True)
    rows = [results.get(entry["name"]) for entry in entries]
    return [
        row if row is not None else result_row(AccountResult(entry["name"], error=stopped))
        for entry, row in zip(entries, rows, strict=True)
    ]


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    """A client of the cluster; a scheduler that is not there is told at once, and not after Dask's many tries."""
    locations = urlsplit(scheduler)
    try:
        if locations.scheme not in ("tcp", "tls") or locations.hostname is None or locations.port is None:
            raise ValueError("write it as tcp://HOST:PORT")
        socket.create_connection((locations.hostname, locations.port), timeout=ANSWER_WITHIN).close()
        client = Client(scheduler, timeout=ANSWER_WITHIN, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"--scheduler {scheduler} does not answer: {error}.") from None
    with client:
        yield client


@contextmanager
def _raising_signals() -> Iterator[None]:
    """Within it SIGINT and SIGTERM raise `Interrupted`."""

    def interrupt(number: int, frame: object) -> None:
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        raise Interrupted(
            f"stopped by {name}: the workers were told to stop. The same command resumes.", signal_number=number
        )

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _result(name: str, future: Any) -> dict[str, Any]:
    from exporter.pipeline.fleet import AccountResult, fault_of
    from jobs.support.fleet_rows import result_row

    error = future.exception()
    if error is None:
        result: dict[str, Any] = future.result()
        return result
    if isinstance(error, KilledWorker):
        told = f"{error.allowed_failures + 1} workers that ran it were lost. The same command resumes."
        return result_row(AccountResult(name, error=StoppedEarly(told)))
    if isinstance(error, ModuleNotFoundError):
        told = f"the worker lacks {error.name}: install the same version of campaign-exporter on every worker."
        return result_row(AccountResult(name, error=InputError(told)))
    return result_row(fault_of(name, error))


def run_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """One account, on a worker: its row of the results, and its log."""
    from exporter import events
    from exporter.pipeline.fleet import AccountResult, fault_of, run_account
    from exporter.stop import Stop
    from jobs.support.console import describe
    from jobs.support.fleet_file import prepare
    from jobs.support.fleet_rows import result_row

    worker = get_worker()
    key = worker.get_current_task()
    log = [f"runs on {worker.address}"]

    def note(event: events.Event) -> None:
        if not isinstance(event, events.Settled | events.RetryPlanned | events.ListPageRead):
            log.append(describe(event))

    async def main() -> AccountResult:
        try:
            account = prepare(entry, dict(os.environ))
        except ExportError as error:
            return AccountResult(entry["name"], error=error)
        stop = Stop()
        looking = asyncio.create_task(_stop_when_unwanted(worker, key, stop))
        try:
            return await run_account(account, emit=note, stop=stop)
        finally:
            looking.cancel()

    try:
        result = asyncio.run(main())
    except Exception as error:  # noqa: BLE001 - told in its row; Dask's way to tell it would hold a traceback
        result = fault_of(entry["name"], error)
    return {**result_row(result), "log": log}


async def _stop_when_unwanted(worker: Worker, key: str, stop: Any) -> None:
    """Ask `stop` once the command that sent the account has ended, or the cluster has given this worker up."""
    while True:
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled" or worker.status.name in ("closing", "closed", "failed"):
            stop.ask(StoppedEarly("the command that sent it here has ended. The same command resumes."))
            return
        await asyncio.sleep(LOOK_EVERY)
