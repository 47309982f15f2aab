"""The fleet on a Dask cluster: each account is a task. Needs the extra `fleet`.

Only names of secrets travel: a worker resolves them where it runs. A worker that is lost takes nothing with it but the
requests under way; Dask gives its account to another one, which resumes from the journal in the work folder. How many
lost workers an account survives is the scheduler's `distributed.scheduler.allowed-failures`.

A result is taken off the cluster as soon as it is there: Dask runs a task again whose result is lost with a worker.
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
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Literal, NoReturn
from urllib.parse import urlsplit

from distributed import Client, KilledWorker, Reschedule, Worker, get_worker

from exporter import __version__
from exporter.errors import DestinationBusy, ExportError, InputError, Interrupted, StoppedEarly
from exporter.events import Event
from exporter.pipeline.fleet import AccountResult, fault_of, run_account
from exporter.pipeline.job_description import ExportJob
from exporter.stop import Stop
from jobs.support.event_console import Console, describe, level_of
from jobs.support.fleet_file import prepare
from jobs.support.fleet_rows import result_row
from jobs.support.run_until_stopped import SIGNALS, handling_signals, interrupted

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

Ending = Literal["finished", "cancelled", "lost"]
"""How a task ends: with the row of its account; by somebody who cancelled it; with its workers, or the scheduler."""

_VERSIONS = (
    "(__import__('platform').python_version(), __import__('exporter').__version__"
    " if __import__('importlib.util', fromlist=['util']).find_spec('exporter') else None)"
)
"""What a worker has, as an expression: it can be read by a worker that has nothing of ours."""


class Tasks:
    """What becomes of the tasks, one for each account. `begun`: how often a worker has begun an account."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.begun: Counter[str] = Counter()
        self.ended: Counter[Ending] = Counter()

    def begins(self, event: tuple[float, dict[str, str]]) -> None:
        """A worker says that it begins an account."""
        name, worker = event[1]["account"], event[1]["worker"]
        self.begun[name] += 1
        again = "runs again, " if self.begun[name] > 1 else "runs "
        self._console.say(f"{name}: {again}on {worker}", event="task_begins", account=name, worker=worker)

    def tell(self) -> None:
        """Say what became of all of them."""
        again = self.begun.total() - len(self.begun)
        self._console.say(
            f"tasks: {self.ended['finished']:,} finished, {self.ended['cancelled']:,} cancelled, "
            f"{self.ended['lost']:,} lost; {again:,} begun again",
            event="tasks", finished=self.ended["finished"], cancelled=self.ended["cancelled"], lost=self.ended["lost"],
            again=again,
        )  # fmt: skip


def run_on_dask(console: Console, entries: list[dict[str, Any]], scheduler: str) -> list[dict[str, Any]]:
    """The results of all accounts, in their order. Raises `InputError` when the cluster is not there or not ready.

    SIGINT, SIGTERM and SIGHUP end the accounts on the workers too; those that were done by then have their results.
    """
    results: dict[str, dict[str, Any]] = {}
    rest: Ending = "lost"
    stopped: ExportError = StoppedEarly(f"the scheduler {scheduler} was lost. The same command resumes.")
    tasks = Tasks(console)
    topic = f"campaign-export-{os.getpid()}@{socket.gethostname()}"
    _silence()
    with _connected(scheduler) as client:
        futures: dict[str, Any] = {}
        try:
            with handling_signals((signal.SIGINT, *SIGNALS), _interrupt):
                _check_workers(console, client)
                client.subscribe_topic(topic, tasks.begins)
                for entry in entries:
                    key = f"{topic}-{entry['name']}"
                    futures[entry["name"]] = client.submit(run_entry, entry, topic, key=key, pure=False)
                while futures:
                    for name, (ending, row) in _ended(futures):
                        tasks.ended[ending] += 1
                        results[name] = row
                        for line in row.pop("log", []):
                            console.say(f"{name}: {line}", event="account", account=name)
                    time.sleep(LOOK_EVERY / 5)
        except Interrupted as error:
            rest, stopped = "cancelled", error
            with suppress(*LOST):
                client.cancel(list(futures.values()), force=True)
        except LOST:
            pass  # what is not among the results was lost
    tasks.ended[rest] += len(entries) - len(results)
    tasks.tell()
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
    try:
        location = urlsplit(scheduler)
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


def _interrupt(number: int, frame: object) -> NoReturn:
    raise interrupted(number, ": the workers were asked to stop. The same command resumes.")


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


def _ended(futures: dict[str, Any]) -> Iterator[tuple[str, tuple[Ending, dict[str, Any]]]]:
    """What has ended since the last look; it is taken off the cluster, and out of `futures`."""
    for name, future in list(futures.items()):
        if future.status in ("finished", "error", "cancelled"):
            yield name, ending_of(name, future)
            del futures[name]
            future.release()


def ending_of(name: str, future: Any) -> tuple[Ending, dict[str, Any]]:
    """How a task ended, and the row of its account. Raises one of `LOST` when the scheduler is lost."""
    try:
        error = future.exception(timeout=ANSWER_WITHIN)
        if error is None:
            return "finished", future.result(timeout=ANSWER_WITHIN)
    except (asyncio.CancelledError, concurrent.futures.CancelledError) as cancelled:
        reason = getattr(cancelled, "reason", "unknown")
        if reason == "scheduler-connection-lost":
            raise
        text = f"its task was cancelled on the cluster ({reason}). The same command resumes."
        return "cancelled", result_row(AccountResult(name, error=StoppedEarly(text)))
    if isinstance(error, KilledWorker):
        lost = f"{error.allowed_failures + 1} workers that ran it were lost. The same command resumes."
        return "lost", result_row(AccountResult(name, error=StoppedEarly(lost)))
    if isinstance(error, ModuleNotFoundError):
        lacking = f"the worker lacks {error.name}: install the same version of campaign-exporter on every worker."
        return "finished", result_row(AccountResult(name, error=InputError(lacking)))
    return "finished", result_row(fault_of(name, error))


def run_entry(entry: dict[str, Any], topic: str) -> dict[str, Any]:
    """One account, on a worker: its row of the results, and its log. The start is logged under `topic`."""
    worker = get_worker()
    key, name = worker.get_current_task(), entry["name"]
    worker.log_event(topic, {"account": name, "worker": worker.address})
    log: list[str] = []

    def note(event: Event) -> None:
        if level_of(event) == 0:
            log.append(describe(event))

    async def main(job: ExportJob) -> AccountResult:
        stop = Stop()
        looking = asyncio.create_task(_stop_when_unwanted(worker, key, stop))
        latest = time.monotonic() + BUSY_FOR
        try:
            result = await run_account(name, job, emit=note, stop=stop)
            if isinstance(result.error, DestinationBusy):
                log.append(f"waits for its destination: {result.error}")
            while isinstance(result.error, DestinationBusy) and time.monotonic() < latest:
                await asyncio.sleep(LOOK_EVERY)
                if stop.reason is not None:
                    return AccountResult(name, error=stop.reason)
                result = await run_account(name, job, emit=note, stop=stop)
            return result
        finally:
            looking.cancel()

    try:
        result = asyncio.run(main(prepare(entry, dict(os.environ), place=f" on the worker {worker.address}")))
    except ExportError as error:
        result = AccountResult(name, error=error)
    except Exception as error:  # noqa: BLE001 - it is in the row; Dask would send a traceback
        result = fault_of(name, error)
    if isinstance(result.error, WorkerRetires):
        raise Reschedule
    return {**result_row(result), "log": log}


class WorkerRetires(StoppedEarly):
    """The cluster has given this worker up: the account goes on elsewhere."""


async def _stop_when_unwanted(worker: Worker, key: str, stop: Stop) -> None:
    """Ask `stop` once the command that sent the account has ended, or the cluster has given this worker up."""
    while True:
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            stop.ask(StoppedEarly("the command that sent it here has ended. The same command resumes."))
            return
        if worker.status.name in ("closing", "closed", "failed"):
            stop.ask(WorkerRetires("its worker is given up. It goes on elsewhere."))
            return
        await asyncio.sleep(LOOK_EVERY)
