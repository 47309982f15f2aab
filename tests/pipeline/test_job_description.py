"""`exporter.pipeline.job_description`: whether the list call is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.errors import InputError
from exporter.ids.ids_file import ids_of
from exporter.options import Locations, SnapshotOptions
from exporter.pipeline.job_description import ExportJob
from exporter.settings_reader import read_settings
from tests.support.serving import environment

IDS = ids_of(["cd-1"], source="a test")


def needs_list(folder: Path, options: SnapshotOptions, *, with_ids: bool) -> bool:
    settings = read_settings(environment("http://127.0.0.1:9", folder))
    return ExportJob(IDS if with_ids else None, settings, Locations("out", str(folder)), options=options).needs_list()


def test_the_list_call_is_made_without_ids_or_where_changes_are_asked_for(tmp_path: Path) -> None:
    assert not needs_list(tmp_path, SnapshotOptions(), with_ids=True)
    assert needs_list(tmp_path, SnapshotOptions(), with_ids=False)
    assert needs_list(tmp_path, SnapshotOptions(incremental=True), with_ids=True)
    assert needs_list(tmp_path, SnapshotOptions(list_pass="always"), with_ids=True)


@pytest.mark.parametrize(
    ("incremental", "with_ids", "what", "instead"),
    [(True, True, "--incremental", "drop one of the two"), (False, False, "snapshot without IDS", "give IDS")],
)
def test_list_never_where_the_list_is_needed_is_refused_by_name(
    tmp_path: Path, incremental: bool, with_ids: bool, what: str, instead: str
) -> None:
    options = SnapshotOptions(list_pass="never", incremental=incremental)
    with pytest.raises(InputError, match=f"{what} needs the list call, and --list never forbids it: {instead}"):
        needs_list(tmp_path, options, with_ids=with_ids)
