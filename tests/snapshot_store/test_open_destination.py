"""`exporter.snapshot_store.open_destination`: which kind of destination a text names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.errors import DestinationError
from exporter.snapshot_store.open_destination import open_destination
from tests.support.running import ROOT, full


def test_a_destination_whose_name_is_no_text_is_reported() -> None:
    with pytest.raises(DestinationError, match="not UTF-8"):
        open_destination("exports\udcff")


@pytest.mark.parametrize(
    "dest", ["{0}/a b", "file:{0}/a%20b", "file://{0}/a%20b", "file://localhost{0}/a%20b", "FILE:{0}/a%20b"]
)
def test_a_folder_can_be_written_as_a_path_or_a_file_url(tmp_path: Path, dest: str) -> None:
    assert open_destination(dest.format(tmp_path)).root == f"{tmp_path}/a b"


def test_a_tilde_is_the_home_folder_also_where_no_shell_expands_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    destination = open_destination("~/exports")
    assert destination.root == "/home/somebody/exports"
    assert destination.where("20261123T020000Z") == "/home/somebody/exports/snapshot=20261123T020000Z"
    assert open_destination("./~/exports").shown == "./~/exports"
    with pytest.raises(DestinationError, match="no home folder is known for ~"):
        open_destination("~nobody-of-that-name/exports")


@pytest.mark.parametrize(
    ("dest", "advice"),
    [
        ("s3:/box/x", "write s3://box/x"),
        ("s3:box/x", "write s3://box/x"),
        ("gs:/box", "write gs://box"),
        ("abfs:/box@north/x", "write abfs://box@north/x"),
        ("https:/x", "write https://x"),
        ("https://x/y", "not a kind of store"),
        ("hdfs://x/y", "not a kind of store"),
        ("file://elsewhere/x", "write file:///FOLDER"),
        ("file:x", "write file:///FOLDER"),
        ("file:///x?y", "%3F for ?"),
        ("  ", "--out is empty"),
        ("a\0b", "is not a folder"),
        ("s3://b/x?region=\udcff", "a URL is UTF-8 text"),
        ("s3:b\x1b[2J", "a URL is UTF-8 text without control characters"),
        ("file:///x\ny", "a URL is UTF-8 text without control characters"),
        ("gs:\udcff", "a URL is UTF-8 text"),
    ],
)
def test_what_is_meant_for_a_url_never_becomes_a_folder(dest: str, advice: str) -> None:
    with pytest.raises(DestinationError) as caught:
        open_destination(dest)
    assert advice in str(caught.value)


def test_no_secret_of_a_url_without_slashes_is_shown() -> None:
    with pytest.raises(DestinationError) as caught:
        open_destination("s3:/AKIA:hush@box/x")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("dest", ["a:b", "2026:01/x", "C:", "./s3:x"])
def test_a_colon_alone_makes_no_url(dest: str) -> None:
    assert open_destination(dest).root == f"{Path.cwd()}/{dest.removeprefix('./')}"


def test_in_a_locale_other_than_utf_8_one_folder_is_written_and_read(tmp_path: Path) -> None:
    """A name in UTF-8, given to a program that takes names for ISO 8859-1."""
    locale = tmp_path / "en_US.ISO-8859-1"
    made = subprocess.run(
        ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(locale)], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip("needs localedef and the sources of locales: apt-get install locales")
    script = (
        "import sys; from exporter.snapshot_store.open_destination import open_destination as o; "
        "d = o(sys.argv[1]); d.check_writable(); d.folder.joinpath('x').mkdir(); print(d.folders())"
    )
    env = full({"LOCPATH": str(tmp_path), "LC_ALL": "en_US.ISO-8859-1", "LANG": "en_US.ISO-8859-1"})
    dest = os.fsencode(tmp_path) + "/bücher".encode()
    done = subprocess.run([sys.executable, "-c", script, dest], env=env, cwd=ROOT, capture_output=True, check=False)
    assert done.stdout == b"['x']\n", done.stderr
    assert Path(os.fsdecode(dest)).is_dir()
