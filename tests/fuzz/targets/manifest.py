"""Manifests: one that was changed is none, or every command that reads it has an answer."""

from __future__ import annotations

import atexit
import io
import shutil
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from exporter.errors import ExportError
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.catalog import read_catalog
from exporter.snapshot_store.choose_account_and_snapshot import find, snapshots_of_account
from exporter.snapshot_store.manifest import Manifest, NotAManifest
from exporter.snapshot_store.names import began_at
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.verify import missing_files
from jobs.cli import run
from jobs.support.exit_codes import BUG
from tests.fuzz.mutation import split_head
from tests.fuzz.promises import assert_one_line, check_error
from tests.fuzz.target import Target
from tests.fuzz.workplace import workplace
from tests.support.snapshots import ONE, RESPONSES, TWO, publish

NOW = began_at(TWO).timestamp()
COMMANDS: dict[bytes, tuple[str, ...]] = {
    b"snapshots": ("snapshots", "."),
    b"json": ("snapshots", ".", "--format", "json"),
    b"verify": ("verify", ".", TWO),
    b"diff": ("diff", "."),
    b"history": ("history", ".", "cd-1"),
    b"report": ("report", ".", TWO, "-o", "report.html"),
}
"""What a head can ask for: all of them would take a tenth of a second."""


class Read(NamedTuple):
    """A manifest, and what the readers of a destination say of it."""

    manifest: Manifest | NotAManifest
    errors: list[ExportError]
    problems: list[str]
    code: int
    told: str


def read(data: bytes) -> Read:
    """As the manifest of the second of two snapshots; sealed, so that what it says is believed. A head names a command
    that is run on it."""
    head, body = split_head(data)
    try:
        manifest = manifests.load(body, sealed=False)
    except NotAManifest as error:
        return Read(error, [], [], 0, "")
    with workplace() as folder:
        shutil.copytree(_published(), folder, dirs_exist_ok=True)
        (folder / f"snapshot={TWO}" / "manifest.json").write_bytes(manifests.dump(manifest))
        errors, problems = _read_destination()
        code, told = _run(COMMANDS.get(head.strip()))
    return Read(manifest, errors, problems, code, told)


def _run(command: tuple[str, ...] | None) -> tuple[int, str]:
    told = io.StringIO()
    with redirect_stderr(told), redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        return (run([*command, "-v"]) if command is not None else 0), told.getvalue()


@cache
def _published() -> Path:
    folder = Path(mkdtemp(prefix="fuzz-"))
    atexit.register(shutil.rmtree, folder)
    publish(folder, ONE, responses=RESPONSES[:2])
    publish(folder, TWO, responses=RESPONSES[:2])
    return folder


def _read_destination() -> tuple[list[ExportError], list[str]]:
    destination = open_destination(".", environ={})
    errors: list[ExportError] = []
    problems: list[str] = []
    for look in (
        lambda: problems.extend(
            problem for info in read_catalog(destination).snapshots for problem in missing_files(destination, info)
        ),
        lambda: snapshots_of_account(destination, NOW),
        lambda: find(destination, now=NOW),
    ):
        try:
            look()
        except ExportError as error:
            errors.append(error)
    return errors, problems


def check(data: bytes, found: Read) -> None:
    """No command takes it for a fault of its own; what it writes is read again."""
    for error in found.errors:
        check_error(error)
    for problem in found.problems:
        assert_one_line(problem, len(data) + 1000)
    assert found.code != BUG, found.told
    if isinstance(found.manifest, Manifest):
        assert manifests.dump(manifests.load(manifests.dump(found.manifest))) == manifests.dump(found.manifest)


TARGET = Target(
    read, check, is_json=True,
    words=(
        "snapshot_id", "started_at", "counts", "files", "rows", "bytes", "sha256", "pacing", "limits", "pauses", "at",
        "seconds", "why", "mode", "rebuild", "base_snapshot", "schema_version", "warnings", "ids", "api",
        "2026-11-23T02:00:00.000Z", "60/1m", "../x", "campaigns.csv", "failures.csv", "20261124T020000Z",
    ),
)  # fmt: skip
