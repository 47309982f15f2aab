"""The fleet on a Dask cluster: each account is a task. Needs the extra `fleet`.

Only names of secrets travel: a worker resolves them where it runs. A worker that is lost takes nothing with it but the
requests under way; Dask gives its account to another one, which resumes from the journal in the destination.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from distributed import Client, as_completed, get_worker

from exporter.errors import ExportError, InputError

if TYPE_CHECKING:
    from jobs.console import Console


def run_on_dask(
    console: Console, entries: list[dict[str, Any]], scheduler: str, *, allowed_failures: int
) -> list[dict[str, Any]]:
    """The results of all accounts, in their order. Raises `InputError` when the cluster is not there."""
    try:
        client = Client(scheduler, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(f"--scheduler {scheduler} does not answer: {error}.") from None
    with client:
        futures = {
            client.submit(
                run_entry, entry, key=f"campaign-export-{entry['name']}", retries=allowed_failures, pure=False
            ): entry
            for entry in entries
        }
        results: dict[str, dict[str, Any]] = {}
        for future in as_completed(futures, loop=client.loop):
            name = futures[future]["name"]
            results[name] = _result(name, future)
            for line in results[name].pop("log", []):
                console.say(f"{name}: {line}", event="account", account=name)
        return [results[entry["name"]] for entry in entries]


def _result(name: str, future: Any) -> dict[str, Any]:
    from exporter.errors import StoppedEarly
    from exporter.pipeline.fleet import AccountResult
    from jobs.fleet_rows import result_row

    error = future.exception()
    if error is None:
        result: dict[str, Any] = future.result()
        return result
    told = StoppedEarly(f"its workers were lost or failed ({type(error).__name__}: {error}). The same command resumes.")
    return result_row(AccountResult(name, error=told))


def run_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """One account, on a worker: its row of the results, and its log."""
    from exporter import events
    from exporter.pipeline.fleet import AccountResult, run_account
    from exporter.pipeline.stop import Stop
    from jobs.console import describe
    from jobs.fleet_file import prepare
    from jobs.fleet_rows import result_row

    log = [f"runs on {get_worker().address}"]

    def note(event: events.Event) -> None:
        if not isinstance(event, events.Settled | events.RetryPlanned | events.ListPageRead):
            log.append(describe(event))

    async def main() -> AccountResult:
        try:
            account = prepare(entry, dict(os.environ))
        except ExportError as error:
            return AccountResult(entry["name"], error=error)
        return await run_account(account, emit=note, stop=Stop())

    return {**result_row(asyncio.run(main())), "log": log}
