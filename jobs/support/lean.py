"""Keeping out of a short run what it has no use for."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

COLLECT_AFTER = 50_000
"""New objects after which Python looks for garbage in circles."""


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """For the whole of a process: let Python look for circles of garbage seldom, and not at all at its end.

    Usually it looks after each 700 new objects. What is new here are modules, and answers on their way into the
    journal, which are no garbage: looking at them again and again takes an eighth of the start and a thirtieth of a
    run without a limit. At its end a process would look through all that it has, twice, to give it back one by one.
    """
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    try:
        yield
    finally:
        gc.disable()
        gc.freeze()


class Spared:
    """A finder of modules that lets nobody find those of `names`."""

    names: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> None:
        """None lets the other finders look."""
        if name in cls.names:
            raise ModuleNotFoundError(f"the command line does without {name}", name=name)


def spare(*names: str) -> None:
    """Let nothing in this process import these modules, until `need` names them.

    pyarrow imports NumPy, and pandas with the first array that it makes, only to know whether what it is given is
    theirs; no command gives it an array or a frame. PyJWT imports cryptography, which only a private key needs.
    Together that takes longer than all the rest of a small `pull`.
    """
    Spared.names |= {*names}
    if Spared not in sys.meta_path:
        sys.meta_path.insert(0, Spared)


def need(*names: str) -> None:
    """Let these modules be imported again, before pyarrow or PyJWT are: they look for them once, when they are."""
    Spared.names -= {*names}
