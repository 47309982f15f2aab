"""`jobs.support.options`: options that several commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.errors import InputError
from jobs.cli import run
from jobs.support.options import check_output
from tests.support.command_line import account as account

pytestmark = pytest.mark.usefixtures("account")


@pytest.mark.parametrize("command", [["pull", "a"], ["discover"], ["report", "exports"]])
@pytest.mark.parametrize("output", ["", ".", "/", "nowhere/file", "long" * 99, "long" * 99 + "/file"])
def test_an_output_that_is_no_file_is_refused_before_anything_is_asked(
    command: list[str], output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "-o", output]) == 2
    assert "-o: " in capsys.readouterr().err


@pytest.mark.parametrize(("output", "place"), [("file", "."), ("link", "folder"), ("/dev/null", "/dev/null")])
def test_an_output_where_this_user_may_not_write_is_refused_before_anything_is_asked(
    output: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/file")
    asked = []
    monkeypatch.setattr("os.access", lambda path, _: asked.append(path))
    with pytest.raises(InputError, match="may this user write"):
        check_output(str(tmp_path / output))
    assert asked == [(tmp_path / place).resolve()]


@pytest.mark.parametrize("command", [["pull", "a"], ["discover"], ["report", "exports"]])
def test_an_output_in_a_working_folder_that_was_removed_is_refused_before_anything_is_asked(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "removed"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert run([*command, "-o", "file"]) == 2
    assert "-o: file cannot be written: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "output", "problem"),
    [
        (["pull", "a"], "x.xlsx", "no .xlsx is written here: end the name in .csv or .json or .jsonl or .parquet, or "),
        (["history", "."], "x.json.gz", "no .gz is written here: end the name in .csv or .json or .jsonl or .parquet"),
        (["discover"], "x.JSON", "no .json is written here: end the name in .csv."),
        (["report", "."], "x.pdf", "no .pdf is written here: end the name in .html or .htm."),
    ],
)
def test_a_name_with_the_ending_of_a_format_that_is_not_written_is_refused(
    command: list[str], output: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run([*command, "-o", output]) == 2
    assert f"-o: {output}: {problem}" in capsys.readouterr().err
    assert not (tmp_path / output).exists()
