"""`jobs.support.standard_streams`: whatever the streams are connected to, the work is done and errors are named."""

from __future__ import annotations

import io
import json
import os
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from jobs.support import standard_streams
from tests.support.running import ROOT, full, program, snapshot_folders, write_ids
from tests.support.serving import environment, serving

needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def shell(command: str, *arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Run the program in a shell that redirects its streams; `command` has `"$@"` for the program."""
    return subprocess.run(
        ["bash", "-c", command, "bash", *program(*arguments)],
        env=full(env), capture_output=True, check=False, timeout=100, cwd=ROOT,
    )  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str], list[str]]]:
    folder = tmp_path_factory.mktemp("streams")
    behaviour = Behaviour(sample_campaigns(5))
    with serving(behaviour) as url:
        ids = list(behaviour.campaigns)
        write_ids(folder / "ids.csv", ids)
        yield folder, environment(url, folder), ids


@needs_full_device
@pytest.mark.parametrize(
    ("redirection", "log_format"),
    [
        ("2>/dev/full", "text"), ("2>/dev/full", "json"), (">/dev/full", "text"), ("<&- >&- 2>&-", "json"),
        ("2>&-", "text"), (">&-", "json"), ("<&-", "text"), ("2> >(exec <&-)", "json"),
        (">/dev/full 2>/dev/full", "text"),
    ],
)  # fmt: skip
def test_a_run_whose_log_cannot_be_written_publishes_and_exits_with_0(
    redirection: str, log_format: str, service: tuple[Path, dict[str, str], list[str]], tmp_path: Path
) -> None:
    folder, env, _ = service
    out = tmp_path / "out"
    arguments = ("snapshot", str(folder / "ids.csv"), "--out", str(out), "--rate", "off", "-vv")
    done = shell(f'exec "$@" {redirection}', *arguments, "--log-format", log_format, env=env)
    assert done.returncode == 0, done.stderr
    assert len(snapshot_folders(out)) == 1


@needs_full_device
@pytest.mark.parametrize(
    ("redirection", "arguments"),
    [
        (">/dev/full", ("schema",)), (">&-", ("schema", "--format", "json")), (">/dev/full", ("--help",)),
        (">&-", ("diff", "--help")), (">/dev/full", ("--version",)),
    ],
)  # fmt: skip
def test_data_that_cannot_be_written_is_an_error_that_says_so(redirection: str, arguments: tuple[str, ...]) -> None:
    done = shell(f'exec "$@" {redirection}', *arguments, env={})
    assert done.returncode == 4
    (line,) = done.stderr.decode().splitlines()
    assert "standard output cannot be written" in line


@needs_full_device
def test_pulled_data_that_cannot_be_written_is_an_error_that_says_so(
    service: tuple[Path, dict[str, str], list[str]],
) -> None:
    done = shell('exec "$@" >/dev/full', "pull", service[2][0], "--rate", "off", env=service[1])
    assert done.returncode == 4
    assert b"standard output cannot be written: No space left on device" in done.stderr


def test_a_reader_that_has_ended_leaves_the_exit_code_as_it_is(
    service: tuple[Path, dict[str, str], list[str]], tmp_path: Path
) -> None:
    folder, env, ids = service
    out = str(tmp_path / "out")
    done = shell('exec "$@"', "snapshot", str(folder / "ids.csv"), "--out", out, "--rate", "off", env=env)
    assert done.returncode == 0, done.stderr
    (snapshot,) = snapshot_folders(Path(out))
    (snapshot / "campaigns.parquet").write_bytes(b"")
    for arguments in (("verify", out), ("pull", ids[0], "nowhere", "--rate", "off")):
        done = shell('set -o pipefail; "$@" | (exec <&-)', *arguments, env=env)
        assert done.returncode == 1, done.stderr


def test_a_closed_standard_input_is_no_empty_file(service: tuple[Path, dict[str, str], list[str]]) -> None:
    done = shell('exec "$@" <&-', "snapshot", "-", "--out", "nowhere", env=service[1])
    assert done.returncode == 2
    assert b"standard input" in done.stderr


def test_no_file_of_the_program_takes_the_number_of_a_closed_stream() -> None:
    code = (
        "from jobs.support.standard_streams import secure_standard_streams as s; s(); import os; "
        "os._exit(os.open('/dev/null', os.O_RDONLY))"
    )
    python = program()[0]
    done = subprocess.run(
        ["bash", "-c", f'exec {python} -c "$0" <&- >&- 2>&-', code], env=full({}), check=False, cwd=ROOT
    )
    assert done.returncode > 2, "the number of the file; 1 would be an error of Python"


@pytest.mark.parametrize(
    ("encoding", "arguments"),
    [
        ("latin-1", ("schema",)), ("cp1252", ("diff", "--help")), ("ascii", ("schema", "--format", "json")),
        ("ascii", ("diff", "--help")),
    ],
)  # fmt: skip
def test_a_terminal_of_another_encoding_gets_what_it_can_show(encoding: str, arguments: tuple[str, ...]) -> None:
    env = {"PYTHONIOENCODING": encoding, "LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "0"}
    done = subprocess.run(program(*arguments), env=full(env), capture_output=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, b"")
    if "json" in arguments:
        assert json.loads(done.stdout.decode("utf-8"))
    else:
        assert done.stdout.decode("utf-8" if encoding == "ascii" else encoding)  # click takes ASCII for a slip


def test_an_argument_that_is_not_utf_8_is_named_in_the_error() -> None:
    done = subprocess.run(
        [*map(os.fsencode, program("snapshots")), b"/nowhere/b\xfccher"],
        env=full({}), capture_output=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 2
    assert b"/nowhere/b\\udcfccher" in done.stderr


def test_a_log_that_does_not_block_is_written_whole(tmp_path: Path) -> None:
    """Some process supervisors set O_NONBLOCK on the pipe that they read."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    running = subprocess.Popen(program("schema", "--format", "json"), env=full({}), stdout=writer, cwd=ROOT)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    assert running.wait(30) == 0
    assert data.rstrip().endswith(b"]")


def test_a_log_that_nobody_reads_any_more_holds_up_neither_work_nor_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def look(read: list[int], write: list[int], error: list[int], timeout: float) -> tuple[list[int], ...]:
        found = select.select(read, write, error, 0)
        waits.extend([] if found[1] else [timeout])
        return found

    monkeypatch.setattr(standard_streams, "select", SimpleNamespace(select=look, PIPE_BUF=select.PIPE_BUF))
    reader, writer = os.pipe()
    log = io.TextIOWrapper(io.BufferedWriter(standard_streams._Stream(writer)), line_buffering=True)
    for number in range(200):
        log.write(f"{number} {'x' * 5000}\n")
    first, *others = waits
    assert first == standard_streams.PATIENCE
    assert others, "the pipe has room for all of it"
    assert set(others) == {0}
    assert os.read(reader, 1 << 20).startswith(b"0 xxx")
    log.write("read again\n")
    assert os.read(reader, 1 << 20) == b"read again\n"
    os.close(reader)
    log.write("nobody there\n")
    log.close()
    os.close(writer)
