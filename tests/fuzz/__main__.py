"""`python -m tests.fuzz TARGET [--seconds 60]`: look for inputs that break what a reader promises.

With atheris (`pip install atheris`) the search is led by coverage, else by chance. An input that breaks a promise is
kept in the folder of findings, with the error beside it; once the reader is mended, the input belongs into
`tests/fuzz/corpus/TARGET/`, whose files a test of the suite tries.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

from tests.fuzz.fuzzing import CORPUS, Fuzzing, kept
from tests.fuzz.targets import NAMES, load

FINDINGS = Path(tempfile.gettempdir()) / "campaign-export-fuzz"


def main(arguments: list[str]) -> int:
    """Fuzz one target; 1: something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--findings", type=Path, default=FINDINGS, help="folder, default: %(default)s")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--by-chance", action="store_true", help="even where atheris is installed")
    given = parser.parse_args(arguments)
    folder: Path = given.findings / given.target
    atheris = None if given.by_chance else _atheris()
    # What a target imports is instrumented, and nothing before it may import that.
    with atheris.instrument_imports(include=["exporter", "jobs"]) if atheris else nullcontext():
        target = load(given.target)
    fuzzing = Fuzzing(target, [path.read_bytes() for path in kept(given.target)], folder, seed=given.seed)
    if atheris is not None:
        grown = folder.with_name(f"{folder.name}.corpus")
        grown.mkdir(parents=True, exist_ok=True)
        fuzzing.run_led(atheris, given.seconds, [grown, CORPUS / given.target])
    fuzzing.run(given.seconds)
    print(f"{given.target}: {fuzzing.executions:,} inputs tried, {len(fuzzing.found)} findings")
    return 1 if fuzzing.found else 0


def _atheris() -> ModuleType | None:
    try:
        return importlib.import_module("atheris")
    except ImportError:
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
