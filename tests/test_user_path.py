"""`exporter.user_path`: paths as users write them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from exporter.user_path import user_path
from tests.support.running import full


def test_a_tilde_at_the_beginning_is_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert user_path("~/ids.csv") == Path("/home/somebody/ids.csv")
    assert user_path("a/~/ids~.csv") == Path("a/~/ids~.csv")
    with pytest.raises(OSError, match="no home folder is known for ~"):
        user_path("~nobody-of-that-name/ids.csv")


def test_a_name_that_the_locale_cannot_write_is_that_in_utf_8(tmp_path: Path) -> None:
    """In a file it is a text, on the command line it is bytes: both name the same folder, and nothing is a fault."""
    (tmp_path / "ids.csv").write_text("id\na\n")
    (tmp_path / "c.toml").write_text('out = "expé"\nwork_dir = "é"\nledger = "lé"\nmetrics_file = "mé"', "utf-8")
    account = {"KORE_HOST": "http://127.0.0.1:1", "KORE_STREAM_ID": "s", "KORE_ACCOUNT_ID": "a", "KORE_JWT": "a.b.c"}
    env = full({**account, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "HOME": str(tmp_path)})
    script = (
        "import sys; from jobs.cli import run; dest = ['--out', sys.argv[1]]; "
        "print(run(['snapshot', 'ids.csv', '--config', 'c.toml']), run(['check', *dest]), run(['plan', *dest]))"
    )
    command = [sys.executable, "-c", script, "befehlé"]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("2 2 0\n"), done.stderr
    assert "can be written" in done.stdout
    assert "nothing listens at 127.0.0.1:1" in done.stderr
    names = {path.name for path in tmp_path.iterdir()}
    assert {"expé", "é", "mé"} <= names
    assert any(name.startswith("lé") for name in names)
    assert user_path("a\ud800") == Path("a\ud800")
