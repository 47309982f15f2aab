"""Shell completion of commands, options and choices."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.running import ROOT, full

BASH_LINE = 'eval "$(_CAMPAIGN_EXPORT_COMPLETE=bash_source campaign-export)"'


@pytest.fixture
def path(tmp_path: Path) -> dict[str, str]:
    """A PATH on which `campaign-export` is this program."""
    script = tmp_path / "campaign-export"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m jobs "$@"\n')
    script.chmod(0o755)
    return {**full({}), "PATH": f"{tmp_path}:{full({})['PATH']}"}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (("campaign-export", "sn"), {"snapshot", "snapshots"}),
        (("campaign-export", "diff", "--exi"), {"--exit-code"}),
        (("campaign-export", "pull", "--format", "j"), {"json", "jsonl"}),
    ],
)
def test_one_line_makes_bash_complete(path: dict[str, str], typed: tuple[str, ...], offered: set[str]) -> None:
    words = " ".join(f"'{word}'" for word in typed)
    script = (
        f"{BASH_LINE}\ncomplete -p campaign-export > /dev/null || exit 9\n"
        f'COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; COMP_LINE="${{COMP_WORDS[*]}}"\n'
        "_campaign_export_completion campaign-export; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=path, capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("zsh", "compdef _campaign_export_completion campaign-export"),
        ("fish", "complete --no-files --command campaign-export"),
    ],
)
def test_there_is_a_script_for_the_other_shells_too(path: dict[str, str], shell: str, line: str) -> None:
    done = subprocess.run(
        ["campaign-export"], env={**path, "_CAMPAIGN_EXPORT_COMPLETE": f"{shell}_source"},
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0
    assert line in done.stdout
