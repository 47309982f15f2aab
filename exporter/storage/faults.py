"""What to tell when a disk refuses."""

from __future__ import annotations

from pathlib import Path

from exporter.errors import StorageFailed


def storage_failed(path: Path | str, error: Exception) -> StorageFailed:
    """What to tell when a disk refuses."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    advice = "Free some room" if "full" in text or "space" in text.lower() else "Check the disk"
    return StorageFailed(f"{path} cannot be written: {text}. {advice}, then run the same command again: it resumes.")
