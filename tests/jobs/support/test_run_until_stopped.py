"""`jobs.support.run_until_stopped`: signals end a run in order, and are the host's own again after it."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import resource
import signal
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path

import pytest

from exporter.errors import Interrupted, StoppedEarly
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from exporter.stop import Stop
from jobs import cli
from jobs.support.run_until_stopped import LOOP_FILES, SIGNALS, run_until_stopped
from tests.support.forked_program import ForkedProgram
from tests.support.running import ROOT, full, program, snapshot_folders, wait_until, write_ids
from tests.support.serving import environment, serving


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[Behaviour, dict[str, str], list[str]]]:
    """A service that answers slowly, and the command that asks it."""
    behaviour = Behaviour(sample_campaigns(40))
    with serving(behaviour, latency=(0.3, 0.4)) as url:
        ids = write_ids(tmp_path / "ids.csv", behaviour.campaigns)
        command = ["snapshot", str(ids), "--out", str(tmp_path / "out"), "--rate", "off", "--workers", "2"]
        yield behaviour, environment(url, tmp_path), command


@pytest.mark.parametrize(
    ("number", "code", "name"),
    [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM"), (signal.SIGHUP, 143, "SIGHUP")],
)
def test_a_signal_ends_a_run_in_order_and_says_how_many_answers_are_kept(
    number: signal.Signals, code: int, name: str, slow: tuple[Behaviour, dict[str, str], list[str]], tmp_path: Path
) -> None:
    behaviour, env, command = slow
    running = subprocess.Popen(program(*command), env=full(env), stderr=subprocess.PIPE, text=True, cwd=ROOT)
    wait_until(lambda: len(behaviour.arrivals) >= 6, running)
    running.send_signal(number)
    _, err = running.communicate(timeout=30)
    assert running.returncode == code, err
    assert f"stopped by {name}" in err
    kept = int(err.split(" of 40 campaigns are kept")[0].split()[-1])
    assert 4 <= kept <= 8
    assert snapshot_folders(tmp_path / "out") == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_second_signal_ends_a_run_at_once_with_the_same_exit_code(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    behaviour = Behaviour(sample_campaigns(8))
    behaviour.always = "silent"
    with serving(behaviour) as url:
        ids = write_ids(tmp_path / "ids.csv", behaviour.campaigns)
        command = program("snapshot", str(ids), "--out", str(tmp_path / "out"), "--rate", "off", "--grace", "60s")
        running = subprocess.Popen(
            command, env=full(environment(url, tmp_path)), stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert running.stderr is not None
        wait_until(lambda: behaviour.arrivals, running)
        running.send_signal(number)
        while "stopping" not in running.stderr.readline():
            assert running.poll() is None
        running.send_signal(number)
        assert running.wait(20) == code
        running.stderr.close()


@pytest.mark.parametrize(("number", "code", "name"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")])
def test_a_signal_before_the_first_request_is_told_in_the_format_of_the_log(
    number: signal.Signals, code: int, name: str, tmp_path: Path, forked: ForkedProgram
) -> None:
    began = tmp_path / "began"
    env = {**environment("http://127.0.0.1:9", tmp_path), "KORE_CLIENT_SECRET_COMMAND": f"touch {began}; exec sleep 30"}
    del env["KORE_CLIENT_SECRET"]
    running = forked.start("snapshot", "--out", str(tmp_path / "out"), "--log-format", "json", env=env)
    wait_until(began.exists)
    os.kill(running.pid, number)
    done = running.wait()
    assert done.returncode == code
    (line,) = map(json.loads, done.stderr.splitlines())
    assert (line["event"], line["message"], line["exit_code"]) == ("failed", f"stopped by {name}.", code)


def test_a_signal_that_is_ignored_stays_ignored(
    slow: tuple[Behaviour, dict[str, str], list[str]], tmp_path: Path
) -> None:
    """That is how nohup keeps a program alive."""
    behaviour, env, command = slow
    shell = ["bash", "-c", 'trap "" HUP; exec "$@"', "bash", *program(*command, "--workers", "20")]
    running = subprocess.Popen(shell, env=full(env), stderr=subprocess.DEVNULL, cwd=ROOT)
    wait_until(lambda: behaviour.arrivals, running)
    running.send_signal(signal.SIGHUP)
    assert running.wait(60) == 0
    assert len(snapshot_folders(tmp_path / "out")) == 1


@pytest.mark.parametrize(("trap", "code"), [("", -signal.SIGINT), ("trap '' INT; ", 0)])
def test_ctrl_c_while_the_program_is_imported_ends_it_without_a_traceback_unless_it_is_ignored(
    trap: str, code: int, tmp_path: Path
) -> None:
    (tmp_path / "click.py").write_text(
        f"import os, signal, sys\nos.kill(os.getpid(), signal.SIGINT)\nsys.path.remove({str(tmp_path)!r})\n"
        "del sys.modules['click']\nimport click\n"
    )
    shell = ["bash", "-c", f'{trap}exec "$@"', "bash", *program("--version")]
    env = full({"PYTHONPATH": f"{tmp_path}:{ROOT}", "HOME": str(tmp_path)})
    done = subprocess.run(shell, env=env, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (code, "")


def test_the_handlers_of_the_host_are_its_own_again_after_a_run() -> None:
    def handler(number: int, frame: object) -> None:
        raise AssertionError

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, *SIGNALS)}

    async def job(stop: Stop) -> int:
        assert signal.getsignal(signal.SIGTERM) is not handler
        return 7

    try:
        assert run_until_stopped(job, resumes=True) == 7
        assert all(signal.getsignal(number) is handler for number in before)
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@pytest.mark.parametrize("number", [signal.SIGINT, *SIGNALS])
def test_a_signal_while_the_event_loop_is_closed_does_not_leave_it_half_closed(number: signal.Signals) -> None:
    def handler(number: int, frame: object) -> None:
        raise AssertionError

    async def left_over() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            signal.raise_signal(number)

    tasks = []

    async def job(stop: Stop) -> int:
        tasks.append(asyncio.create_task(left_over()))
        await asyncio.sleep(0)
        return 7

    before = signal.signal(number, handler)
    try:
        assert run_until_stopped(job, resumes=True) == 7
        assert signal.getsignal(number) is handler
    finally:
        signal.signal(number, before)
    assert [task.cancelled() for task in tasks] == [True]


@pytest.mark.parametrize(
    ("resumes", "text"),
    [
        (False, "stopped by SIGHUP."),
        (True, "stopped by SIGHUP. Nothing was published, nothing fetched is lost; the same command resumes."),
    ],
)
def test_a_signal_asks_the_stop_of_the_job_which_says_whether_it_resumes(resumes: bool, text: str) -> None:
    async def job(stop: Stop) -> StoppedEarly:
        signal.raise_signal(signal.SIGHUP)
        return await asyncio.wait_for(stop.wait(), 10)

    reason = run_until_stopped(job, resumes=resumes)
    assert isinstance(reason, Interrupted)
    assert str(reason) == text
    assert reason.signal_number == signal.SIGHUP


def test_the_command_line_can_be_called_in_a_thread(
    slow: tuple[Behaviour, dict[str, str], list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in slow[1].items():
        monkeypatch.setenv(name, value)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, *SIGNALS)}
    codes: list[object] = []

    def call() -> None:
        try:
            cli.main([*slow[2], "--workers", "20", "-q"])
        except SystemExit as leave:
            codes.append(leave.code)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(60)
    assert codes == [0]
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    assert len(snapshot_folders(tmp_path / "out")) == 1


@contextmanager
def room_for(files: int) -> Iterator[None]:
    """Within the block so many more files can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = (number for number in count() if not Path(f"/dev/fd/{number}").exists())
    most = next(islice(free, files, None))
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("room", range(LOOP_FILES + 2))
def test_where_too_many_files_are_open_for_an_event_loop_that_is_what_is_raised(
    room: int, recwarn: pytest.WarningsRecorder, capfd: pytest.CaptureFixture[str]
) -> None:
    async def job(stop: Stop) -> int:
        return 7

    assert run_until_stopped(job, resumes=True) == 7, "all modules are imported"
    warnings.simplefilter("always")
    with room_for(room):
        if room < LOOP_FILES:
            with pytest.raises(OSError, match="Too many open files") as raised:
                run_until_stopped(job, resumes=True)
            assert raised.value.errno == errno.EMFILE
        else:
            assert run_until_stopped(job, resumes=True) == 7
    assert list(recwarn) == []
    assert capfd.readouterr().err == ""
