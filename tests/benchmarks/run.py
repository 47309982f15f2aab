"""One command, one table: `python tests/benchmarks/run.py [--tiny] [PART…]`. Needs the extra `bench`.

Every figure is a median of several rounds, and every ratio is against a rival that was measured in the same rounds, on
the same work. Without PART all are run but the last two, which take minutes of waiting under a real limit.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks import contests, parts
from tests.benchmarks.measuring import DETAILS, HEADER, NOTES, TINY, Row, Sizes

PARTS: dict[str, Callable[[Path, Sizes], Iterator[Row]]] = {
    "start": parts.start,
    "first-row": parts.first_row,
    "engine": parts.engine,
    "latency": parts.latency,
    "processes": contests.processes,
    "flatten": parts.flatten,
    "growth": parts.growth,
    "journal": parts.journal,
    "ids": parts.ids,
    "diff": parts.diff,
    "pacing": contests.pacing,
    "stalls": contests.stalls,
    "nights": contests.nights,
    "real-limit": contests.real_limit,
    "real-minutes": contests.real_minutes,
}
BY_HAND = ("real-limit", "real-minutes")


def line(cells: list[str]) -> None:
    """A line of a Markdown table."""
    print("| " + " | ".join(cells) + " |", flush=True)


def head(cells: list[str]) -> None:
    """The first two lines of one."""
    line(cells)
    print("|" + "---|" * len(cells), flush=True)


def machine() -> str:
    """Where it was measured, and with what."""
    packages = ("aiohttp", "pyarrow", "pandas", "click", "uvloop", "aiolimiter", "aiometer", "pyrate-limiter")
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}, "
        + ", ".join(found for name in packages if (found := named(name)))
    )


def named(package: str) -> str | None:
    """A package with its version; None: it is not there."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n\n")[2],
        epilog="parts: " + "; ".join(f"{name}: {part.__doc__}" for name, part in PARTS.items()),
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--tiny", action="store_true", help="only to see that everything runs; the figures say nothing")
    chosen = parser.parse_args()
    print(machine() + "\n")
    head(HEADER)
    for name in chosen.parts or [name for name in PARTS if name not in BY_HAND]:
        with tempfile.TemporaryDirectory() as home:
            for row in PARTS[name](Path(home), TINY if chosen.tiny else Sizes()):
                line(row.cells())
    for note in dict.fromkeys(NOTES):
        print(("\n" if note == NOTES[0] else "") + f"* {note}", flush=True)
    for table in DETAILS:
        print()
        head(table[0])
        for cells in table[1:]:
            line(cells)


if __name__ == "__main__":
    main()
