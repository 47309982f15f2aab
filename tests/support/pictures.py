"""The two pictures of the README, made from a run of `demo`: `python -m tests.support.pictures` (needs Chromium).

Each picture carries what it shows as text, so that a test can compare it with what the demo makes today.
"""

from __future__ import annotations

import html
import io
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from rich import _export_format
from rich.console import Console

from tests.support.running import ROOT, run

HEAT_MAP = ROOT / ".github/pictures/heat_map.png"
RUN = ROOT / ".github/pictures/run.svg"
SHOWN = "campaign-export"
"""Key of the text that the heat map carries in its PNG."""

_WIDTH, _HEIGHT = 1180, 400
_PNG_HEAD = 8
_WITHOUT_MARGIN = "<style>body, main { margin-top: 0; padding-top: 0 }</style>"


def demo_run(folder: Path) -> tuple[str, str]:
    """What `demo` prints, and the report it writes."""
    done = run("demo", "--out", str(folder / "demo"), env={"HOME": str(folder)})
    assert done.returncode == 0, done.stderr
    return done.stderr + done.stdout, (folder / "demo/report.html").read_text(encoding="utf-8")


def terminal_text(printed: str) -> list[str]:
    """The lines of the picture of the terminal: the run and its summary."""
    lines = [line.rstrip() for line in printed.partition("\nRead it:")[0].splitlines()]
    return ["$ campaign-export demo", *(re.sub(r"/\S*/demo", "demo", line) for line in lines)]


def shape_of(lines: list[str]) -> list[str]:
    """Lines without what differs between two runs: numbers, and the address."""
    return [re.sub(r"[\d.,]+", "0", re.sub(r"http://\S+", "URL", line)) for line in lines]


def heat_map_of(report: str) -> str:
    """The HTML of the first heat map of a report."""
    found = re.search(r'<table class="week".*?</table>', report, re.DOTALL)
    assert found is not None
    return found[0]


def cells_of(table: str) -> str:
    """The text of a table's cells, separated by blanks."""
    inline = re.sub(r"</?(?:span|abbr)[^>]*>", "", table)  # within a word: the day's name is shorter on a phone
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", inline)).split())


def text_in_png(png: bytes) -> str:
    """The text that `with_text` put into a PNG."""
    at = _PNG_HEAD
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        if kind == b"tEXt" and data.startswith(SHOWN.encode() + b"\0"):
            return data.partition(b"\0")[2].decode("latin-1")
        at += 12 + size
    return ""


def with_text(png: bytes, text: str) -> bytes:
    """`png` with a text in it, before its last chunk."""
    data = SHOWN.encode() + b"\0" + text.encode("latin-1", "replace")
    checksum = struct.pack(">I", zlib.crc32(b"tEXt" + data))
    chunk = struct.pack(">I", len(data)) + b"tEXt" + data + checksum
    return png[:-12] + chunk + png[-12:]


def lines_in_svg(svg: str) -> list[str]:
    """The lines that `terminal_picture` drew, read from the comment in it."""
    found = re.search(r"<!-- shown\n(.*?)\n-->", svg, re.DOTALL)
    return html.unescape(found[1]).split("\n") if found else []


def terminal_picture(lines: list[str]) -> str:
    """An SVG of a terminal that shows `lines`, without fonts from elsewhere."""
    console = Console(record=True, width=max(map(len, lines)) + 2, file=io.StringIO(), highlight=False)
    for line in lines:
        console.print(line, markup=False, style="bold" if line.startswith(("$", "Snapshot")) else "")
    template = re.sub(r"@font-face \{\{.*?\}\}\n", "", _export_format.CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg = console.export_svg(
        title="campaign-export demo", code_format=template.replace("Fira Code", "DejaVu Sans Mono")
    )
    comment = html.escape("\n".join(lines)).replace("--", "&#45;&#45;")
    return svg.replace("</svg>", f"<!-- shown\n{comment}\n-->\n</svg>")


def heat_map_picture(report: str, folder: Path) -> bytes:
    """A PNG of the report's first heat map, as Chromium draws it."""
    style = re.search(r"<style>.*?</style>", report, re.DOTALL)
    assert style is not None
    page, picture = folder / "heat_map.html", folder / "heat_map.png"
    page.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{style[0]}{_WITHOUT_MARGIN}</head><body><main>'
        f"<h3>When campaigns may send</h3>{heat_map_of(report)}</main></body></html>",
        encoding="utf-8",
    )
    subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/c",
         f"--window-size={_WIDTH},{_HEIGHT}", f"--screenshot={picture}", page.as_uri()],
        check=True, capture_output=True,
    )  # fmt: skip
    return with_text(picture.read_bytes(), cells_of(heat_map_of(report)))


def main() -> int:
    """Make both pictures again."""
    with tempfile.TemporaryDirectory() as name:
        printed, report = demo_run(Path(name))
        RUN.parent.mkdir(parents=True, exist_ok=True)
        RUN.write_text(terminal_picture(terminal_text(printed)), encoding="utf-8")
        HEAT_MAP.write_bytes(heat_map_picture(report, Path(name)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
