"""`exporter.report.charts`: paths and labels of the bar charts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from exporter.report.charts import HEIGHT, MOST_X_LABELS, stacked, timeline

DAY = datetime(2026, 11, 23, 2, tzinfo=UTC)


def test_bars_are_stacked_one_above_the_other() -> None:
    chart = stacked([DAY], [("s0", [60]), ("s1", [40])])
    (lower, upper) = (tuple(map(float, re.findall(r"(?:M0.1 |V)([\d.]+)", bars.path))) for bars in chart.bars)
    assert lower[1] == HEIGHT
    assert lower[0] == upper[1]
    assert (HEIGHT - upper[0]) / (HEIGHT - lower[0]) == pytest.approx(100 / 60, rel=0.01)


@pytest.mark.parametrize(
    ("top", "labels"),
    [(0, ["0"]), (3, ["0", "1", "2", "3"]), (60, ["0", "20", "40", "60"]), (10_000, ["0", "5,000", "10,000"])],
)
def test_the_y_axis_has_few_labels_at_round_numbers(top: int, labels: list[str]) -> None:
    assert [label.text for label in stacked([DAY], [("s0", [top])]).y_labels] == labels


def test_the_x_axis_has_labels_that_a_narrow_page_has_room_for() -> None:
    many = [DAY + timedelta(days=number) for number in range(60)]
    chart = stacked(many, [("s0", [1] * 60)])
    assert 2 <= len(chart.x_labels) <= MOST_X_LABELS
    assert all(0 <= label.at < 100 for label in chart.x_labels)


def test_a_timeline_shades_pauses_within_the_run_and_draws_the_limit() -> None:
    answers = [(DAY + timedelta(minutes=number), 60) for number in range(10)]
    pauses = [(DAY + timedelta(minutes=2), 90.0), (DAY - timedelta(hours=1), 60.0)]
    chart = timeline(answers, step=timedelta(minutes=1), limit=60, pauses=pauses)
    (shades, _) = chart.bars
    assert shades.path == f"M2.0 0V{HEIGHT}H3.5V0z"
    assert chart.limit == next(label.at for label in chart.y_labels if label.text == "60")
    assert chart.x_labels[0].text == "02:00"
