"""`tests.fuzz`: every input that is kept keeps every promise, and what breaks one is found."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace

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


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is a second later: `run(1000)` tries that many inputs. One in ten is blown up."""
    monkeypatch.setattr(fuzzing, "time", SimpleNamespace(monotonic=count().__next__))
    monkeypatch.setattr(fuzzing, "BLOWN_UP", 10)


def longer_than_two(data: bytes) -> int:
    """A reader with a fault."""
    return 1 // (len(data) < 3)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("is_json", [False, True])
def test_a_fault_is_found_and_its_shortest_input_kept(tmp_path: Path, is_json: bool) -> None:
    target = Target(longer_than_two, lambda data, found: None, is_json=is_json)
    search = Fuzzing(target, [b"{}"], tmp_path / "found", seed=1)
    search.run(200)
    ((kind, data),) = search.found.items()
    assert kind.startswith("ZeroDivisionError at ")
    assert len(data) == 3
    (path,) = (tmp_path / "found").glob("*[!t]")
    assert path.read_bytes() == data
    assert "ZeroDivisionError" in path.with_suffix(".txt").read_text()


def endless(data: bytes) -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("bound", "most", "read", "told"),
    [
        ("SECONDS", -1.0, lambda data: None, "s for 1 bytes"),
        ("BYTES", 2**20, lambda data: b"x" * bounds._peak(), "MiB for 1 bytes"),
        ("LONGEST", 0.05, endless, "more than"),
    ],
    ids=["time", "memory", "an end"],
)
def test_what_takes_too_much_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, bound: str, most: float, read: Callable[[bytes], object], told: str
) -> None:
    monkeypatch.setattr(bounds, bound, most)
    with pytest.raises(TooMuch, match=told):
        bounded(read, b"x")


@pytest.mark.usefixtures("counted")
def test_new_inputs_are_bounded_and_one_in_many_is_blown_up(tmp_path: Path) -> None:
    sizes: list[int] = []
    search = Fuzzing(Target(lambda data: sizes.append(len(data)), lambda *_: None), [b"abc"], tmp_path, seed=1)
    search.run(100)
    assert sum(size > 2**13 for size in sizes) == 10
    mutator = Mutator(random.Random(1), is_json=True, words=("word",))
    texts = [mutator.changed(b'200\n\n{"a": [1, "x"]}', b'{"b": 2}') for _ in range(200)]
    assert len(set(texts)) > 150
    assert any(b"word" in text for text in texts)
    assert all(len(mutator.blown_up(text)) <= LARGEST + 100 for text in texts[:20])
