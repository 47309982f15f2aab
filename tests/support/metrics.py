"""A file of metrics, read by Prometheus' own parser."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


def samples_in(path: Path) -> list[Sample]:
    """Every sample, its name without that of the program; each family has a help text, and comes once."""
    families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    assert all(family.documentation for family in families)
    assert len({family.name for family in families}) == len(families)
    samples = [sample for family in families for sample in family.samples]
    return [sample._replace(name=sample.name.removeprefix("campaign_export_")) for sample in samples]
