"""Commands that a user can copy: they work as printed in the shell in which this program was started."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

PROGRAM = "campaign-export"


def program_command(*arguments: str) -> str:
    """A command line of this program. Where its environment is not active, with the path of this very program."""
    beside = Path(sys.executable).parent / PROGRAM
    if _is_first_in_path(PROGRAM, beside):
        program = [PROGRAM]
    elif os.access(beside, os.X_OK):
        program = [_shown(beside)]
    else:
        program = [_python(), "-m", "jobs"]
    return _joined([*program, *arguments])


def python_command(code: str) -> str:
    """A command line that runs `code` with the Python that runs this program."""
    return _joined([_python(), "-c", code])


def duckdb_command(path: str) -> str | None:
    """A command line that shows a Parquet file with DuckDB; None where that is not installed."""
    if shutil.which("duckdb"):
        quoted = path.replace("'", "''")
        return _joined(["duckdb", "-c", f"FROM '{quoted}' LIMIT 5"])
    if importlib.util.find_spec("duckdb") is None:
        return None
    return python_command(f"import duckdb; print(duckdb.read_parquet({path!r}))")


def _joined(words: Iterable[str]) -> str:
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """A word as a shell reads it; double quotes around single ones, where nothing in it is special to the shell."""
    return f'"{word}"' if "'" in word and not set('"$`\\!') & set(word) else shlex.quote(word)


def _python() -> str:
    python = Path(sys.executable)
    return next(
        (name for name in ("python", "python3") if _is_first_in_path(name, python.with_name(name))), _shown(python)
    )


def _is_first_in_path(name: str, path: Path) -> bool:
    """Whether a shell that is given `name` runs the file at `path`; links are not followed: they make environments."""
    program = shutil.which(name)
    try:
        return program is not None and path.exists() and Path(program).parent.samefile(path.parent)
    except OSError:
        return False


def _shown(path: Path) -> str:
    """As short as it can be: relative to the current folder, where it is below that."""
    try:
        relative = str(path.relative_to(Path.cwd()))
    except (OSError, ValueError):
        return str(path)
    return relative if "/" in relative else str(path)
