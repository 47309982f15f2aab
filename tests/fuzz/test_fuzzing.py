"""`tests.fuzz`: every input that is kept keeps every promise, and what breaks one is found."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz import bounds, fuzzing
from tests.fuzz.bounds import TooMuch, bounded
from tests.fuzz.fuzzing import Fuzzing, attempt, kept
from tests.fuzz.mutation import LARGEST, Mutator
from tests.fuzz.target import Target
from tests.fuzz.targets import NAMES, load


@pytest.mark.parametrize("name", NAMES)
def test_the_inputs_that_are_kept_keep_every_promise(name: str) -> None:
    target, inputs = load(name), kept(name)
    assert inputs, "a target without an input"
    for path in inputs:
        try:
            attempt(target, path.read_bytes())
        except Exception as error:
            error.add_note(f"tried: {path}")
            raise


def longer_than_two(data: bytes) -> int:
    """A reader with a fault."""
    return 1 // (len(data) < 3)


@pytest.mark.parametrize("is_json", [False, True])
def test_a_fault_is_found_and_its_shortest_input_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_json: bool
) -> None:
    target = Target(longer_than_two, lambda data, found: None, is_json=is_json)
    monkeypatch.setattr(fuzzing, "BLOWN_UP", 10)
    search = Fuzzing(target, [b"{}"], tmp_path / "found", seed=1)
    search.run(0.05)
    ((kind, data),) = search.found.items()
    assert kind.startswith("ZeroDivisionError at ")
    (path,) = (tmp_path / "found").glob("*[!t]")
    assert path.read_bytes() == data
    assert "ZeroDivisionError" in path.with_suffix(".txt").read_text()


@pytest.mark.parametrize("promise", ["time", "memory", "an end"])
def test_what_takes_too_much_is_a_finding(monkeypatch: pytest.MonkeyPatch, promise: str) -> None:
    monkeypatch.setattr(bounds, "SECONDS", 0.01)
    monkeypatch.setattr(bounds, "LONGEST", 0.05)
    monkeypatch.setattr(bounds, "BYTES", 2**20)
    readers: dict[str, Callable[[bytes], object]] = {
        "time": lambda data: [sum(range(1000)) for _ in range(2000)],
        "memory": lambda data: bytearray(2**26) * 4,
        "an end": _endless,
    }
    with pytest.raises(TooMuch):
        bounded(readers[promise], b"")


def _endless(data: bytes) -> None:
    while True:
        pass


def test_new_inputs_are_bounded_and_one_in_many_is_blown_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fuzzing, "BLOWN_UP", 10)
    sizes: list[int] = []
    search = Fuzzing(Target(lambda data: sizes.append(len(data)), lambda *_: None), [b"abc"], tmp_path, seed=1)
    search.run(0.05)
    assert max(sizes) > 2**13
    mutator = Mutator(random.Random(1), is_json=True, words=("word",))
    texts = [mutator.changed(b'200\n\n{"a": [1, "x"]}', b'{"b": 2}') for _ in range(200)]
    assert len(set(texts)) > 150
    assert any(b"word" in text for text in texts)
    assert all(len(mutator.blown_up(text)) <= LARGEST + 100 for text in texts[:20])
