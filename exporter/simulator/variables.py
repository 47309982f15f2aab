"""The account of the simulator: the variables that a user sets to reach it."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import Literal

STREAM_ID = "st-51a0c7de-0000-5000-8000-5a17b0a7c0de"
ACCOUNT_ID = "66f0a1b2c3d4e5f6a7b8c9d0"
CLIENT_ID = "cs-7e57c11e-0000-5000-8000-000000000001"
CLIENT_SECRET = "simulated-secret-simulated-secret-simulated-secret-simulated-secret"

VariableFormat = Literal["shell", "env"]
"""shell: commands to paste. env: NAME=value, as cron (through sh), systemd and Docker all read it."""


def account_variables(url: str, *, account_id: str = ACCOUNT_ID) -> dict[str, str]:
    """The variables of an account at the simulator that serves `url`."""
    return {
        "KORE_HOST": url,
        "KORE_STREAM_ID": STREAM_ID,
        "KORE_ACCOUNT_ID": account_id,
        "KORE_CLIENT_ID": CLIENT_ID,
        "KORE_CLIENT_SECRET": CLIENT_SECRET,
    }


def variables_text(variables: Mapping[str, str], variable_format: VariableFormat) -> str:
    """`variables` as text, one a line. Raises `ValueError` where `env` has no form that all readers share."""
    if variable_format == "shell":
        return "\n".join(f"export {name}={quote(value)}" for name, value in variables.items())
    for name, value in variables.items():
        if quote(value) != value:
            raise ValueError(f"{name}: {value!r} is not read alike by sh, systemd and Docker; --format shell quotes it")
    return "\n".join(f"{name}={value}" for name, value in variables.items())
