"""`exporter.simulator.variables`: a shell, and what reads lines of `NAME=value`, see the values as they are."""

from __future__ import annotations

import os
import subprocess

import pytest

from exporter.simulator.variables import account_variables, variables_text

STRANGE = "a b'$(touch made)\"`id`"


def test_a_shell_reads_each_value_as_it_is() -> None:
    text = variables_text(account_variables("http://127.0.0.1:1", account_id=STRANGE), "shell")
    done = subprocess.run(
        ["sh", "-c", f'{text}\nprintf %s "$KORE_ACCOUNT_ID"'], env={"PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == STRANGE


@pytest.mark.parametrize("account_id", [STRANGE, "a b", "", "'a'", "ü"])
def test_lines_for_cron_systemd_and_docker_hold_only_what_they_read_alike(account_id: str) -> None:
    with pytest.raises(ValueError, match="KORE_ACCOUNT_ID"):
        variables_text(account_variables("http://127.0.0.1:1", account_id=account_id), "env")
