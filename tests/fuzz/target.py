"""What a fuzz target is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Target(NamedTuple):
    """One reader of what others write.

    `read`: what the program makes of an input; an error that it promises is a result, any other is a finding. Its time
    and memory are bounded. `check`: raises `AssertionError` where input and result do not fit together. `is_json`: the
    input is JSON, perhaps behind a head and an empty line. `words`: what is worth trying in an input; of JSON its keys.
    """

    read: Callable[[bytes], Any]
    check: Callable[[bytes, Any], None]
    is_json: bool = False
    words: tuple[str, ...] = ()
