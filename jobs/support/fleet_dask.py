"""The fleet on a Dask cluster: each account is a task. Needs the extra `fleet`.

Only names of secrets travel: a worker resolves them where it runs. A worker that is lost takes nothing with it but the
requests under way; Dask gives its account to another one, which resumes from the journal in the work folder. How many
lost workers an account survives is the scheduler's `distributed.scheduler.allowed-failures`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import platform
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from distributed import Client, KilledWorker, Worker, get_worker

from exporter import __version__
from exporter.errors import DestinationBusy, ExportError, InputError, Interrupted, StoppedEarly
from exporter.events import Event, ListPageRead, RetryPlanned, Settled
from exporter.pipeline.fleet import AccountResult, fault_of, run_account
from exporter.stop import Stop
from jobs.support.event_console import Console, describe
from jobs.support.fleet_file import prepare
from jobs.support.fleet_rows import result_row
from jobs.support.run_until_stopped import handling_signals

ANSWER_WITHIN = 10.0
"""Seconds that a scheduler has to answer."""

LOST = (OSError, TimeoutError, asyncio.CancelledError, concurrent.futures.CancelledError)
"""What comes of a call to a scheduler that is lost."""

LOOK_EVERY = 0.5
"""Seconds after which a worker looks whether its account is still wanted of it, and the command what is done."""

PATIENCE_WITHOUT_WORKERS = 5.0
"""Seconds without a worker before the command says what it waits for."""

BUSY_FOR = 60.0
"""Seconds that an account waits for the lock of its destination: a worker that retires may still hold it."""

_VERSIONS = (
    "(__import__('platform').python_version(), __import__('exporter').__version__"
    " if __import__('importlib.util', fromlist=['util']).find_spec('exporter') else None)"
)
"""What a worker has, as an expression: it can be read by a worker that has nothing of ours."""


def run_on_dask(console: Console, entries: list[dict[str, Any]], scheduler: str) -> list[dict[str, Any]]:
    """The results of all accounts, in their order. Raises `InputError` when the cluster is not there or not ready.

    SIGINT, SIGTERM and SIGHUP end the accounts on the workers too; those that were done by then have their results.
    """
    results: dict[str, dict[str, Any]] = {}
    stopped: ExportError = StoppedEarly(f"the scheduler {scheduler} was lost. The same command resumes.")
    _silence()
    with _connected(scheduler) as client:
        futures: dict[str, Any] = {}
        try:
            with _raising_signals():
                _check_workers(console, client)
                for entry in entries:
                    key = f"campaign-export-{entry['name']}-{os.getpid()}@{socket.gethostname()}"
                    futures[entry["name"]] = client.submit(run_entry, entry, key=key, pure=False)
                for name, row in _finished(futures):
                    for line in row.pop("log", []):
                        console.say(f"{name}: {line}", event="account", account=name)
                    results[name] = row
        except Interrupted as error:
            stopped = error
            with suppress(*LOST):
                client.cancel(list(futures.values()), force=True)
        except LOST:
            pass  # what is not among the results was lost
    return [results.get(entry["name"]) or result_row(AccountResult(entry["name"], error=stopped)) for entry in entries]


def _silence() -> None:
    """Let Dask log nothing: what a lost connection means is said here, without tracebacks."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado", "asyncio"):
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = [logging.NullHandler()], False


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    """A client of the cluster; a scheduler that is not there is an error at once, and not after Dask's many tries."""
    location = urlsplit(scheduler)
    try:
        if location.scheme not in ("tcp", "tls") or location.hostname is None or location.port is None:
            raise ValueError("write it as tcp://HOST:PORT")
        socket.create_connection((location.hostname, location.port), timeout=ANSWER_WITHIN).close()
        client = Client(scheduler, timeout=ANSWER_WITHIN, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"--scheduler {scheduler} does not answer: {error}.") from None
    try:
        yield client
    finally:
        with suppress(*LOST):
            client.close(timeout=LOOK_EVERY)


@contextmanager
def _raising_signals() -> Iterator[None]:
    """Within it a signal raises `Interrupted`."""

    def interrupt(number: int, frame: object) -> None:
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        raise Interrupted(
            f"stopped by {name}: the workers were asked to stop. The same command resumes.", signal_number=number
        )

    with handling_signals(dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), interrupt)):
        yield


def _check_workers(console: Console, client: Client) -> None:
    """Wait for a worker, and look what the workers have. Raises `InputError` when one lacks this package."""
    began, is_announced = time.monotonic(), False
    while not client.scheduler_info()["workers"]:
        if not is_announced and time.monotonic() - began >= PATIENCE_WITHOUT_WORKERS:
            console.say("the cluster has no worker yet: waiting for one", event="no_worker")
            is_announced = True
        time.sleep(LOOK_EVERY)
    versions = client.run(eval, _VERSIONS, on_error="return")
    problems = list(_unfit(versions))
    if problems:
        raise InputError([*problems, "Install the same version on every worker."])
    for worker, (python, _) in versions.items():
        if python.split(".")[:2] != platform.python_version().split(".")[:2]:
            console.say(
                f"worker {worker} runs Python {python}, this command {platform.python_version()}", event="python"
            )


def _unfit(by_worker: Mapping[str, Any]) -> Iterator[str]:
    for worker, versions in by_worker.items():
        if isinstance(versions, Exception):
            yield f"worker {worker} cannot be asked for its versions: {type(versions).__name__}."
        elif versions[1] != __version__:
            has = f"campaign-exporter {versions[1]}" if versions[1] else "no campaign-exporter"
            yield f"worker {worker} has {has} (Python {versions[0]}), and this command {__version__}."


def _finished(futures: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The results as they come. A lost scheduler cancels what is not done."""
    pending = dict(futures)
    while pending:
        for name, future in list(pending.items()):
            if future.status in ("finished", "error", "cancelled"):
                del pending[name]
                with suppress(*LOST):
                    yield name, _result(name, future)
        time.sleep(LOOK_EVERY / 5)


def _result(name: str, future: Any) -> dict[str, Any]:
    error = future.exception(timeout=ANSWER_WITHIN)
    if error is None:
        result: dict[str, Any] = future.result(timeout=ANSWER_WITHIN)
        return result
    if isinstance(error, KilledWorker):
        lost = f"{error.allowed_failures + 1} workers that ran it were lost. The same command resumes."
        return result_row(AccountResult(name, error=StoppedEarly(lost)))
    if isinstance(error, ModuleNotFoundError):
        lacking = f"the worker lacks {error.name}: install the same version of campaign-exporter on every worker."
        return result_row(AccountResult(name, error=InputError(lacking)))
    return result_row(fault_of(name, error))


def run_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """One account, on a worker: its row of the results, and its log."""
    worker = get_worker()
    key = worker.get_current_task()
    log = [f"runs on {worker.address}"]

    def note(event: Event) -> None:
        if not isinstance(event, Settled | RetryPlanned | ListPageRead):
            log.append(describe(event))

    async def main() -> AccountResult:
        try:
            account = prepare(entry, dict(os.environ), place=f" on the worker {worker.address}")
        except ExportError as error:
            return AccountResult(entry["name"], error=error)
        stop = Stop()
        looking = asyncio.create_task(_stop_when_unwanted(worker, key, stop))
        latest = time.monotonic() + BUSY_FOR
        try:
            result = await run_account(account, emit=note, stop=stop)
            while isinstance(result.error, DestinationBusy) and time.monotonic() < latest and stop.reason is None:
                await asyncio.sleep(LOOK_EVERY)
                result = await run_account(account, emit=note, stop=stop)
            return result
        finally:
            looking.cancel()

    try:
        result = asyncio.run(main())
    except Exception as error:  # noqa: BLE001 - it is in the row; Dask would send a traceback
        result = fault_of(entry["name"], error)
    return {**result_row(result), "log": log}


async def _stop_when_unwanted(worker: Worker, key: str, stop: Stop) -> None:
    """Ask `stop` once the command that sent the account has ended, or the cluster has given this worker up."""
    while True:
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled" or worker.status.name in ("closing", "closed", "failed"):
            stop.ask(StoppedEarly("the command that sent it here has ended. The same command resumes."))
            return
        await asyncio.sleep(LOOK_EVERY)
