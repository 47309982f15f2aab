"""The pictures of the README show what the demo makes today; `python -m tests.support.pictures` makes them again."""

from __future__ import annotations

from pathlib import Path

from tests.support.pictures import (
    HEAT_MAP,
    RUN,
    cells_of,
    demo_run,
    heat_map_of,
    lines_in_svg,
    shape_of,
    terminal_text,
    text_in_png,
)


def test_the_pictures_of_the_readme_show_what_the_demo_makes(tmp_path: Path) -> None:
    printed, report = demo_run(tmp_path)
    assert text_in_png(HEAT_MAP.read_bytes()) == cells_of(heat_map_of(report))
    assert shape_of(lines_in_svg(RUN.read_text(encoding="utf-8"))) == shape_of(terminal_text(printed))


def test_the_pictures_are_small() -> None:
    assert HEAT_MAP.stat().st_size + RUN.stat().st_size < 120_000
