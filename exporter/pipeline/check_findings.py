"""What `check` finds: one finding for each thing that can be wrong with an account."""

from __future__ import annotations

from typing import Literal

import msgspec

from exporter.api.credentials_advice import ADVICE, cause_of, says_refused, skew_warning
from exporter.api.endpoints import HttpResponse
from exporter.api.error_meaning import says_rate_limit
from exporter.api.response_headers import read_date
from exporter.errors import CredentialsRefused, ExportError, ServiceDown, SettingsError
from exporter.settings import Settings
from exporter.units import format_duration

NAMES = (
    "host", "certificate", "proxy", "clock", "token", "scope", "account", "list", "campaign", "destination",
)  # fmt: skip
"""The findings, in the order in which they are shown."""

State = Literal["ok", "warning", "failed", "skipped"]

_FIRST_TO_MEND = (CredentialsRefused, SettingsError, ServiceDown)
"""Where several findings failed, the error that the command ends with."""

_ABOUT = {"SSL_CERT_FILE": "certificate", "HTTPS_PROXY": "proxy", "KORE_HOST": "host"}
"""The finding that an error belongs to which can never work: its text names the setting."""


class Finding(msgspec.Struct, frozen=True):
    """What was found about one thing. `advice`: where to mend it. `error`: what would end a run, where it failed."""

    name: str
    state: State
    detail: str
    advice: str = ""
    error: type[ExportError] | None = None


class CheckResult(msgspec.Struct, frozen=True):
    """All findings, in the order of `NAMES`, and the requests they took."""

    findings: tuple[Finding, ...]
    requests: int

    @property
    def error(self) -> type[ExportError] | None:
        """What needs a person first; None where nothing failed."""
        errors = {finding.error for finding in self.findings}
        return next((error for error in _FIRST_TO_MEND if error in errors), None)


class Findings:
    """Collects the findings of one account."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._findings: dict[str, Finding] = {}
        self._answered = False

    def result(self, requests: int) -> CheckResult:
        """All of them; what was not reached is skipped."""
        for name in NAMES[:-1]:
            self._findings.setdefault(name, Finding(name, "skipped", "not reached"))
        return CheckResult(tuple(self._findings[name] for name in NAMES if name in self._findings), requests)

    def note(
        self, name: str, state: State, detail: str, advice: str = "", error: type[ExportError] | None = None
    ) -> None:
        """Add a finding."""
        self._findings[name] = Finding(name, state, detail.rstrip("."), advice, error)

    def reached(self, response: HttpResponse, now: float) -> None:
        """The service has answered. `now`: wall time in seconds."""
        if self._answered:
            return
        self._answered = True
        host = self._settings.host
        self.note("host", "ok", f"{host} answers")
        secure = host.startswith("https:")
        self.note("certificate", "ok", "trusted" if secure else "none: plain http, to this machine only")
        moment = read_date(response.date)
        skew = now - moment if moment is not None else None
        if skew is None:
            self.note("clock", "skipped", "the service names no date")
        elif skew_warning(skew) is None:
            self.note("clock", "ok", "this machine and the service agree within a minute")
        else:
            apart = f"{format_duration(abs(skew))} {'ahead of' if skew > 0 else 'behind'} the service's"
            advice = "Set this machine's clock by a time server (NTP): tokens may be refused for it."
            self.note("clock", "warning", f"this machine's clock is {apart}", advice)

    def accepted(self) -> None:
        """The service has taken the token."""
        self.note("token", "ok", "accepted")
        self.note("scope", "ok", "Campaign Management")
        self.note("account", "ok", f"account {self._settings.account_id}, stream {self._settings.stream_id}")

    def refused(self, error: str) -> None:
        """The service has refused the token. `error`: what it said."""
        cause = cause_of(error)
        if cause == "scope":
            self.note("token", "ok", "accepted")
            self.note("scope", "failed", error, ADVICE[cause], CredentialsRefused)
            return
        if cause == "credentials" and "token" in self._findings:
            advice = (
                "The list call accepted the credentials: does something before the service, such as a firewall, "
                "refuse this call? Else check the scope of the JWT app (App Settings > Dev Tools > API Scopes)."
            )
            self.note("campaign" if "list" in self._findings else "list", "failed", error, advice, CredentialsRefused)
            return
        self.note("token", "failed", error, ADVICE[cause], CredentialsRefused)
        for name in ("scope", "account"):  # an earlier answer may have shown them
            self._findings.setdefault(name, Finding(name, "skipped", "not known before the token is accepted"))

    def no_list(self, error: str) -> None:
        """The list call gave something else. `error`: what the service said, which may be about the credentials."""
        if says_refused(error):
            self.refused(error)
            return
        advice = (
            "What answers at KORE_HOST does not answer as the list call does: are KORE_API (v2, v1), KORE_STREAM_ID "
            "and KORE_ACCOUNT_ID right?"
        )
        self.note("list", "failed", error, advice, ServiceDown)

    def service_failed(self, error: str) -> None:
        """The service fails, or cannot be reached now."""
        if error.startswith("HTTP 429") or says_rate_limit(error):
            advice = (
                "The account's limit is used up, by other programs or since it is lower than --rate: wait, or let them "
                "leave room (--rate-share)."
            )
            self.note("list", "failed", error, advice, ServiceDown)
            return
        advice = "The service fails or cannot be reached: try again later, or wait for it with --patience."
        if "token" not in self._findings:  # nothing was ever answered well
            advice += " If it is said to be up, check KORE_HOST."
        self.note("list" if self._answered else "host", "failed", error, advice, ServiceDown)

    def never_works(self, error: str) -> None:
        """What can never work as things are set up. `error` names the setting."""
        name = next((name for setting, name in _ABOUT.items() if setting in error), "host")
        detail, _, setting = error.rstrip(".").partition("; check ")
        self.note(name, "failed", detail, f"Check {setting}." if setting else "", SettingsError)
