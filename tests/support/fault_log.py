"""Faults tried one by one, side by side in several lanes, with a log to go on after and a table of how they ended."""

from __future__ import annotations

import json
import subprocess
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from tests.support.commands_under_faults import CODES, Command


@dataclass(frozen=True)
class Trial:
    """A fault for a command. `run`: the command with it."""

    command: str
    call: str
    error: str
    run: Callable[[Command], subprocess.CompletedProcess[str]]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.command, self.call, self.error


def try_all(trials: Iterable[Trial], lanes: Sequence[Mapping[str, Command]], path: Path) -> bool:
    """Try what the log does not have yet; print what is wrong at once, and a table in the end. Whether all was well."""
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {(row["command"], row["call"], row["error"]) for row in rows}
    todo = deque(trial for trial in trials if trial.key not in done)
    with path.open("a") as log:

        def work(lane: Mapping[str, Command]) -> None:
            with suppress(IndexError):  # nothing is left
                while True:
                    row = _tried(todo.popleft(), lane)
                    rows.append(row)
                    log.write(json.dumps(row) + "\n")
                    log.flush()

        threads = [Thread(target=work, args=(lane,)) for lane in lanes]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            todo.clear()
            for thread in threads:
                thread.join()
            print(table(rows))
    return not any(row["problems"] for row in rows)


def _tried(trial: Trial, lane: Mapping[str, Command]) -> dict[str, Any]:
    command = lane[trial.command]
    try:
        failed = trial.run(command)
        problems = list(command.problems(failed))
        code, told = failed.returncode, failed.stderr.strip().splitlines()[-1:]
    except AssertionError as error:
        code, told, problems = -1, [], [str(error)]
    for problem in problems:
        print(f"{trial.command}: {trial.call} {trial.error}: {problem}", flush=True)
    return {"command": trial.command, "call": trial.call, "error": trial.error, "code": code,
            "told": "".join(told)[:300], "problems": problems}  # fmt: skip


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """For each command: calls, failures tried, how often each exit code, how many with something wrong."""
    head = ["command", "calls", "tried", *map(str, sorted(CODES)), "others", "wrong"]
    out = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for command in [*dict.fromkeys(row["command"] for row in rows), None]:
        own = [row for row in rows if command in (row["command"], None)]
        codes = Counter(row["code"] if row["code"] in CODES else "others" for row in own)
        calls = len({(row["command"], row["call"]) for row in own})
        numbers = [calls, len(own), *(codes[code] for code in [*sorted(CODES), "others"])]
        wrong = sum(bool(row["problems"]) for row in own)
        out.append(f"| {command or 'all'} | {' | '.join(map(str, numbers))} | {wrong} |")
    return "\n".join(out)
