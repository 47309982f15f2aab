"""What `fleet` reports of an account, wherever it ran: plain values that travel from a Dask worker as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from exporter.model import Counts, Usage
from exporter.pipeline.fleet import AccountResult
from exporter.settings import SETTINGS
from exporter.snapshot_store import manifest as manifests
from jobs import snapshot
from jobs.support.exit_codes import exit_code
from jobs.support.metrics import RunOutcome

_METRICS = "metrics"
"""Key of a row that is for `--metrics-file` only."""


def result_row(result: AccountResult) -> dict[str, Any]:
    """A result as plain values, with the exit code that its account alone would have had."""
    error, manifest = result.error, result.manifest
    counts = manifest.counts if manifest is not None else Counts()
    return {
        "account": result.name,
        "exit_code": exit_code(error) if error is not None else 0 if result.complete else 1,
        "snapshot_id": manifest.snapshot_id if manifest is not None else None,
        "where": result.where,
        "ok": counts.ok,
        "failed": counts.failures,
        "not_found": counts.not_found,
        "requests": result.usage.requests.total,
        "seconds": result.seconds,
        "error": in_words_of_the_file(str(error)) if error is not None else None,
        _METRICS: {
            "usage": msgspec.to_builtins(result.usage),
            "manifest": manifests.dump(manifest).decode() if manifest is not None else None,
        },
    }


def take_outcome(row: dict[str, Any], entry: Mapping[str, Any]) -> RunOutcome:
    """Take out of a row what `--metrics-file` says of its account."""
    metrics = row.pop(_METRICS)
    return RunOutcome(
        account=str(entry["account_id"]),
        stream=str(entry["stream_id"]),
        exit_code=row["exit_code"],
        seconds=row["seconds"],
        usage=msgspec.convert(metrics["usage"], Usage),
        manifest=manifests.load(metrics["manifest"].encode()) if metrics["manifest"] is not None else None,
    )


def in_words_of_the_file(text: str) -> str:
    """An error whose variables and options are named as the keys of the fleet file."""
    return _WORD.sub(lambda match: _WORDS[match[0]], text)


def _words() -> dict[str, str]:
    words = {option.long_name: key for key, option in snapshot.command.options.items()}
    for setting in SETTINGS:
        name, variable = setting.name, setting.variable
        words |= {variable: f"{name}_env" if setting.secret else name, f"{variable} ({setting.option})": name}
        if setting.secret:
            words |= {f"{variable}{twin}": f"{name}{twin.lower()}" for twin in ("_FILE", "_COMMAND")}
    return words


_WORDS = _words()
_WORD = re.compile(
    rf"(?<![^\s(])(?:{'|'.join(map(re.escape, sorted(_WORDS, key=len, reverse=True)))})(?=[).,;:?]*(?:\s|$))"
)
"""Whole words of a sentence: in a path, an ID or quotes they are not ours to rename."""
