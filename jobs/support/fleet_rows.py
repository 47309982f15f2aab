"""What `fleet` tells of an account, wherever it ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobs.support.exit_codes import exit_code

if TYPE_CHECKING:
    from exporter.pipeline.fleet import AccountResult


def result_row(result: AccountResult) -> dict[str, Any]:
    """A result as plain values, with the exit code that its account alone would have had."""
    error = result.error
    code = exit_code(error) if error is not None else 0 if result.complete else 1
    return {"account": result.name, "exit_code": code, **{k: v for k, v in result.as_dict().items() if k != "name"}}
