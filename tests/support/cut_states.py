"""What the disk may hold after a power cut, looked at with the program's own eyes."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import get_args

from exporter.errors import ExportError
from exporter.events import ignore
from exporter.journal.journal import Journal
from exporter.model import Identity
from exporter.simulator.simulated_service import ACCOUNT_ID, STREAM_ID
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.reader import read_table
from exporter.snapshot_store.verify import damages
from tests.support.commands_under_faults import NEW, OLDER, Command
from tests.support.power_cut import Files, Model, Replay, files_below, put, record

COMMANDS = ("first", "incremental", "failures", "retention", "rebuild")
MODELS: tuple[Model, ...] = get_args(Model)


class CutRun:
    """A command that was recorded, and its states after a cut of the power."""

    def __init__(self, command: Command) -> None:
        command.reset()
        self.command = command
        self._before = files_below(command.folder)
        self._operations = record(command, "-vv", "--log-format", "json")
        self._replay = Replay(self._operations, self._before)
        self._writes = [number for number, done in enumerate(self._operations, 1) if done.kind != "said"]
        self._seen: dict[str, set[str] | str] = {}

    def problems(self, model: Model, states: int, *, seed: int = 7, complete_every: int = 1) -> Iterator[str]:
        """What is wrong after cuts at any point; the first is after the end. Of each so many states, one is completed.

        Nothing that is listed is damaged; nothing is lost before what replaces it is there; what was told as published
        is there; what was told as counted is not asked again; the same command completes.
        """
        random = Random(seed)
        for number in range(states):
            after = random.choice(self._writes) if number else len(self._operations)
            files = self._replay.cut(after, model, random)
            shutil.rmtree(self.command.folder)
            put(files, self.command.folder, self.command.folder)
            found = list(self._wrong(files, after))
            if number % complete_every == 0:
                found.extend(self._not_completed())
            yield from (f"{self.command.line.name}, {model}, cut after {after}: {problem}" for problem in found)

    def _wrong(self, files: Files, after: int) -> Iterator[str]:
        snapshots: dict[str, set[str]] = {}
        for name in open_destination(self.command.dest).snapshot_ids():
            ids = self._look(files, f"snapshot={name}", name)
            if isinstance(ids, str):
                yield f"{name} is listed and damaged: {ids}"
            else:
                snapshots[name] = ids
        lost = set(OLDER) & set(self._names(self._before)) - set(snapshots)
        if lost and (self.command.line.kept or NEW not in snapshots):
            yield f"lost {sorted(lost)}"
        missing = {event["snapshot_id"] for event in self._said(after, "published")} - set(snapshots)
        if missing:
            yield f"told as published, and not there: {sorted(missing)}"
        journaled = self._look(files, ".work", "")
        assert isinstance(journaled, set), journaled
        counted = {event["campaign_id"] for event in self._said(after, "settled")}
        again = counted - journaled - snapshots.get(NEW, set())
        if again:
            yield f"counted, and asked again: {sorted(again)}"

    def _not_completed(self) -> Iterator[str]:
        again = self.command.run()
        if again.returncode != self.command.line.code:
            yield f"the same command: exit code {again.returncode}: {again.stderr[-1500:]}"
        yield from self.command.lost_or_damaged("after the same command")

    def _said(self, after: int, event: str) -> list[dict[str, str]]:
        """The events of a kind that the run had told by then."""
        text = b"".join(operation.data for operation in self._operations[:after] if operation.kind == "said")
        return [told for told in map(json.loads, text.decode().splitlines()) if told["event"] == event]

    def _names(self, files: Files) -> list[str]:
        return [Path(path).name.removeprefix("snapshot=") for path, content in files.items() if content is None]

    def _look(self, files: Files, part: str, snapshot: str) -> set[str] | str:
        """The IDs in a snapshot, or the journal; what is wrong. What was seen before is remembered."""
        folder = Path(self.command.dest) / part
        key = repr([(path, content) for path, content in files.items() if Path(path).is_relative_to(folder)])
        if key not in self._seen:
            self._seen[key] = _ids_of(self.command.dest, snapshot) if snapshot else self._journaled(folder)
        return self._seen[key]

    def _journaled(self, work_dir: Path) -> set[str]:
        if not work_dir.is_dir():
            return set()
        # In a copy: opening a journal mends it.
        aside = work_dir.parent.parent / "aside"
        shutil.copytree(work_dir, aside)
        identity = Identity(self.command.env["KORE_HOST"], STREAM_ID, ACCOUNT_ID, "v2")
        journal = Journal.open(aside, identity, emit=ignore)
        journal.close()
        with closing(sqlite3.connect(journal.path)) as db:
            tables = ("answers", "failures")
            found = {row[0] for name in tables for row in db.execute(f"SELECT campaign_id FROM {name}")}
        shutil.rmtree(aside)
        return found


def _ids_of(dest: str, snapshot: str) -> set[str] | str:
    destination = open_destination(dest)
    try:
        found = damages(destination, snapshot)
    except ExportError as error:
        found = [str(error)]
    if found:
        return str(found)
    tables = (read_table(destination, snapshot, name) for name in ("campaigns", "failures"))
    return {one for table in tables for one in table.column("campaign_id").to_pylist()}
