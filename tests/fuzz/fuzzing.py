"""Trying inputs on a target: by chance, or led by coverage where atheris is installed."""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from tests.fuzz import bounds
from tests.fuzz.bounds import bounded
from tests.fuzz.mutation import LARGEST, Mutator
from tests.fuzz.target import Target

CORPUS = Path(__file__).parent / "corpus"

BLOWN_UP = 400
"""One input of so many is blown up."""

_OURS = ("fuzzing.py", "bounds.py")
"""Files whose lines do not tell findings apart."""


def kept(name: str) -> list[Path]:
    """The inputs that are kept for a target."""
    return sorted(path for path in (CORPUS / name).glob("*") if path.is_file())


def attempt(target: Target, data: bytes) -> None:
    """Try one input. Raises whatever the target does not promise."""
    target.check(data, bounded(target.read, data))


class Fuzzing:
    """Tries inputs, and keeps the shortest one of each kind of finding in a folder."""

    def __init__(self, target: Target, corpus: Sequence[bytes], findings: Path, *, seed: int) -> None:
        self.executions = 0
        self.found: dict[str, bytes] = {}
        self._target = target
        self._corpus = list(corpus) or [b""]
        self._findings = findings
        self._random = Random(seed)
        self._mutator = Mutator(self._random, is_json=target.is_json, words=target.words)

    def run(self, seconds: float) -> None:
        """Try changed inputs, chosen by chance."""
        for data in self._corpus:
            self.execute(data)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.execute(self._mutator.changed(self._random.choice(self._corpus), self._random.choice(self._corpus)))

    def run_led(self, atheris: ModuleType, seconds: float, folders: Sequence[Path]) -> None:
        """The same, led by coverage; ends the process. `folders`: of inputs; new ones go into the first."""
        bounds.SECONDS *= 3  # what is watched is slower
        self._findings.mkdir(parents=True, exist_ok=True)
        options = [
            f"-max_total_time={seconds:.0f}", f"-max_len={LARGEST}", "-timeout=3600", "-rss_limit_mb=0",
            "-report_slow_units=3600", f"-artifact_prefix={self._findings}/",
        ]  # fmt: skip
        atheris.Setup(["tests.fuzz", *options, *map(str, folders)], self.execute, custom_mutator=self._mutate(atheris))
        atheris.Fuzz()

    def _mutate(self, atheris: ModuleType) -> Any:
        def mutate(data: bytes, most: int, seed: int) -> bytes:
            self._random.seed(seed)
            if self._random.random() < 0.4:
                return bytes(atheris.Mutate(data, most))
            return self._mutator.changed(data, self._random.choice(self._corpus))[:most]

        return mutate

    def execute(self, data: bytes) -> None:
        """Try one input, now and then also blown up."""
        self.executions += 1
        self._note(data)
        if self.executions % BLOWN_UP == 0:
            self._note(self._mutator.blown_up(data), bounds_only=True)

    def _note(self, data: bytes, *, bounds_only: bool = False) -> None:
        try:
            if bounds_only:
                bounded(self._target.read, data)
            else:
                attempt(self._target, data)
        except Exception as error:  # whatever it is, it is a finding
            self._keep(data, error)

    def _keep(self, data: bytes, error: Exception) -> None:
        kind = _kind(error)
        if kind in self.found and len(self.found[kind]) <= len(data):
            return
        is_new = kind not in self.found
        self.found[kind] = data
        self._findings.mkdir(parents=True, exist_ok=True)
        path = self._findings / hashlib.sha256(kind.encode()).hexdigest()[:12]
        path.write_bytes(data)
        path.with_suffix(".txt").write_text(
            "".join(traceback.format_exception(error)), encoding="utf-8", errors="backslashreplace"
        )
        if is_new:
            print(f"found: {path}: {kind}", flush=True)


def _kind(error: Exception) -> str:
    """Findings of one kind: the same error from the same place."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).name not in _OURS]
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-3:]]
    return f"{type(error).__name__} at {' > '.join(places)}"
