"""`exporter.errors`: the tree in the docstring, pickling, a machine without memory, threads or open files."""

from __future__ import annotations

import errno
import pickle
import re
from collections.abc import Iterator

import pytest

from exporter import errors
from exporter.errors import ExportError, InputError, Interrupted, exhausted


def classes(base: type[ExportError] = ExportError) -> Iterator[type[ExportError]]:
    yield base
    for kind in base.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield from classes(kind)


def test_the_drawn_tree_shows_every_class_below_its_base_once() -> None:
    drawn: list[str] = []
    parents = {0: "ExportError"}
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"([│├└ ─]+)(\w+)", line)
        if match:
            depth = len(match[1]) // 4
            parents[depth] = match[2]
            assert getattr(errors, match[2]).__base__.__name__ == parents[depth - 1], line
            drawn.append(match[2])
    assert sorted(drawn) == sorted(kind.__name__ for kind in classes() if kind is not ExportError)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "no memory is left"),
        (RuntimeError("can't start new thread"), "no room for another thread"),
        (RuntimeError("dictionary changed size during iteration"), None),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (OSError(errno.ENFILE, "Too many open files in system"), "too many files are open"),
        (OSError(errno.ENOENT, "No such file or directory"), None),
        (OSError("x"), None),
    ],
)
def test_a_machine_without_memory_threads_or_open_files_is_told_from_a_fault_of_the_program(
    error: Exception, reason: str | None
) -> None:
    found = exhausted(error)
    assert (found is None) if reason is None else (found is not None and reason in str(found))


def test_an_input_error_keeps_every_problem() -> None:
    error = InputError(["one", "two"])
    assert (error.problems, str(error)) == (("one", "two"), "one\ntwo")
    assert InputError("alone").problems == ("alone",)


@pytest.mark.parametrize("kind", list(classes()))
def test_every_error_can_be_pickled_with_all_that_it_knows(kind: type[ExportError]) -> None:
    error = kind("why", signal_number=15) if kind is Interrupted else kind("why")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.__dict__) == (kind, "why", error.__dict__)
