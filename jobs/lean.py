"""Keeping out of a short run what it has no use for."""

from __future__ import annotations

import sys


class NoPandas:
    """A finder of modules that lets nobody find pandas."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """None lets the other finders look."""
        if name == "pandas":
            raise ModuleNotFoundError("the command line does without pandas", name=name)


def spare_pandas() -> None:
    """Let nothing in this process import pandas.

    pyarrow imports it with the first array that it makes, only to know whether a list may be a Series: that takes
    longer than all the rest of a small `pull`. No command makes a DataFrame; in the library, `read_snapshot` does.
    """
    if NoPandas not in sys.meta_path:
        sys.meta_path.insert(0, NoPandas)
