"""`campaign-export check`: is this account set up right?"""

from __future__ import annotations

import os
import sys
import textwrap
from typing import Any

from exporter.json_text import dumps
from exporter.text import terminal_safe
from jobs.support.command import job, option, read_all, take_settings
from jobs.support.event_console import Console
from jobs.support.exit_codes import ASKING, code_of
from jobs.support.lazy_imports import lazy_imports
from jobs.support.options import interactive_fetch_options, take_fetch_options
from jobs.support.output_formats import format_option
from jobs.support.run_until_stopped import run_until_stopped

with lazy_imports(__name__):
    from exporter.clock import SystemClock
    from exporter.pipeline.check import check_account
    from exporter.pipeline.check_findings import CheckResult
    from exporter.stop import Stop
    from jobs.support.standard_streams import print_bytes
    from jobs.support.terminal_tables import terminal_width

MARKS = {"ok": "ok", "warning": "WARNING", "failed": "FAILED", "skipped": "-"}

ADVICE_WIDTH = 118
"""Characters of a line of advice where there is no terminal to ask."""


@job(
    "check",
    example="campaign-export check --out exports",
    codes={
        **ASKING,
        0: "nothing failed; there may be warnings",
        2: "wrong settings, a host that is unreachable or another server, or a destination that cannot be written",
        4: "the service is down or does not answer as the campaign API",
    },
)
@option("--out", "dest", metavar="DEST", help="Also check whether this destination can be written.")
@format_option("text", "json")
@interactive_fetch_options
def command(console: Console, dest: str | None, form: str, **options: Any) -> int:
    """Check whether an account is set up right, with one to three requests within its rate limit.

    Prints a line for each of these: the host, its certificate, the proxy, the clock, the token, its scope, the account,
    the list call, one campaign and, with --out, the destination. Each failure says how to fix it.
    """
    (settings,) = read_all(lambda: take_settings(options))
    fetch = take_fetch_options(options, settings)

    async def main(stop: Stop) -> CheckResult:
        with stop.after(fetch.max_duration):
            return await check_account(
                settings, fetch, dest=dest, environ=dict(os.environ), clock=SystemClock(), emit=console.emit, stop=stop
            )

    result = run_until_stopped(main, resumes=False)
    code = code_of(result.error) if result.error is not None else 0
    print_bytes((_json(result, code) if form == "json" else _text(result)).encode())
    return code


def _json(result: CheckResult, code: int) -> str:
    shown = ("name", "state", "detail", "advice")
    findings = [{key: getattr(finding, key) for key in shown} for finding in result.findings]
    return dumps({"exit_code": code, "requests": result.requests, "findings": findings}) + "\n"


def _text(result: CheckResult) -> str:
    lines, width = [], terminal_width()
    for finding in result.findings:
        lead = f"{finding.name:<12} {MARKS[finding.state]:<8} "
        # Where it is no terminal, a script finds each detail whole on the line of its name.
        lines += _wrap(finding.detail, lead, width or sys.maxsize)
        lines += _wrap(finding.advice, " " * len(lead), width or ADVICE_WIDTH)
    return "\n".join(lines) + "\n"


def _wrap(text: str, lead: str, width: int) -> list[str]:
    indent = " " * len(lead)
    return textwrap.wrap(
        terminal_safe(text), width, initial_indent=lead, subsequent_indent=indent, break_on_hyphens=False
    )
