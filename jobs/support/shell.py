"""Commands that a user can copy: they work as printed in the shell in which this program was started."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
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
    return shlex.join([*program, *arguments])


def python_command(code: str) -> str:
    """A command line that runs `code` with the Python that runs this program."""
    return shlex.join([_python(), "-c", code])


def duckdb_command(query: str) -> str | None:
    """A command line that asks DuckDB; None where it is not installed."""
    if shutil.which("duckdb"):
        return shlex.join(["duckdb", "-c", query])
    if importlib.util.find_spec("duckdb") is None:
        return None
    return python_command(f"import duckdb; print(duckdb.sql({query!r}))")


def _python() -> str:
    python = Path(sys.executable)
    return next(
        (name for name in ("python", "python3") if _is_first_in_path(name, python.with_name(name))), _shown(python)
    )


def _is_first_in_path(name: str, path: Path) -> bool:
    """Whether a shell that is given `name` runs the file at `path`; links are not followed: they make environments."""
    found = shutil.which(name)
    return found is not None and path.exists() and Path(found).parent.samefile(path.parent)


def _shown(path: Path) -> str:
    """As short as it can be: relative to the current folder, where it is below that."""
    try:
        relative = str(path.relative_to(Path.cwd()))
    except (OSError, ValueError):
        return str(path)
    return relative if "/" in relative else str(path)
