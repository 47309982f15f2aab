"""One file for each reader; each has a `TARGET`."""

from __future__ import annotations

import importlib
import pkgutil

from tests.fuzz.target import Target

NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def load(name: str) -> Target:
    """The target of that name."""
    target = importlib.import_module(f"{__name__}.{name}").TARGET
    assert isinstance(target, Target)
    return target
