"""Small files that the program finds again: the holder of a lock, a checkpoint, a demo's state, metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from exporter.errors import ExportError
from exporter.journal import run_checkpoint as checkpoints
from exporter.journal.run_checkpoint import Checkpoint
from exporter.snapshot_store.lock_without_flock import Holder
from jobs.support.demo_state import STATE, DemoFolder
from jobs.support.metrics import RunOutcome, Samples, read_samples, write_metrics
from tests.fuzz.promises import check_error
from tests.fuzz.target import Target
from tests.fuzz.workplace import workplace


class Found(NamedTuple):
    """What each reader makes of the same bytes."""

    holder: Holder
    lives: bool | None
    checkpoint: Checkpoint | None
    demo: Any
    samples: Samples
    written: bytes


def read(data: bytes) -> Found:
    """As each kind of file; the metrics of a run are added to what is there."""
    with workplace():
        Path("m.prom").write_bytes(data)
        Path(STATE).write_bytes(data)
        holder = Holder.parse(data[:4096])
        checkpoint = checkpoints.decode(data.decode("utf-8", "replace"))
        try:
            demo: Any = DemoFolder(Path(), campaigns=1).state
        except ExportError as error:
            demo = error
        samples = read_samples("m.prom")
        write_metrics("m.prom", [RunOutcome("a", "st-1", 0, 1.5)], samples, now=1.0)
        return Found(holder, holder.lives(), checkpoint, demo, samples, Path("m.prom").read_bytes())


def check(data: bytes, found: Found) -> None:
    """What is good is the same when written again; metrics of other accounts stay."""
    assert Holder.parse(found.holder.dump()) == found.holder
    if found.checkpoint is not None:
        assert checkpoints.decode(checkpoints.encode(found.checkpoint)) == found.checkpoint
    if isinstance(found.demo, ExportError):
        check_error(found.demo)
    with workplace():
        Path("m.prom").write_bytes(found.written)
        again = read_samples("m.prom")
    assert ("last_run_exit_code", (("account", "a"), ("stream", "st-1"))) in again
    others = {key for key in found.samples if ("account", "a") not in key[1] or ("stream", "st-1") not in key[1]}
    assert others <= set(again), "metrics of another account are lost"


TARGET = Target(
    read, check, is_json=True,
    words=(
        "pid", "host", "process", "boot", "snapshot_id", "started_at", "campaigns", "days", "files", "usage",
        "pauses", "incomplete", "# HELP campaign_export_campaigns x\n# TYPE campaign_export_campaigns gauge\n",
        "campaign_export_last_run_exit_code", '{account="b",stream="st"} 1.0\n',
        'campaign_export_campaigns{account="b",outcome="ok",stream="st"} 3.0\n', "NaN", "+Inf",
        "2026-11-23T02:00:00Z",
    ),
)  # fmt: skip
