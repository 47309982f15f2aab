"""The one lazy boundary: what a command works with is imported when it is used, so that `--help` is quick.

    with lazy_imports(__name__):
        from exporter.pipeline.pull_to_memory import pull_campaigns

Inside the block `from MODULE import NAME` and `import MODULE as NAME` bind a stand-in; its first use (a call, an
attribute, `isinstance`) imports the module and puts the real object in its place. Type checkers, linters and readers
see ordinary imports. It is what `lazy import` of PEP 810 does. What an `except` clause or a base class names must be
imported outside the block.
"""

from __future__ import annotations

import builtins
import gc
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any


class _StandIn:
    """A name that is imported at its first use. `name` None: the module itself."""

    def __init__(self, namespace: dict[str, Any], module: str, name: str | None = None) -> None:
        self.__dict__.update(_namespace=namespace, _module=module, _name=name)

    def _load(self) -> Any:
        with _no_garbage_collection():
            loaded = importlib.import_module(self._module)
            if self._name is not None:
                if not hasattr(loaded, self._name):
                    importlib.import_module(f"{self._module}.{self._name}")
                loaded = getattr(loaded, self._name)
        for name in [name for name, value in self._namespace.items() if value is self]:
            self._namespace[name] = loaded
        return loaded

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._load()(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._load(), name)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, self._load())


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """An import makes many objects that stay; to look for garbage among them takes a twelfth of a small run."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.freeze()
            gc.enable()


@contextmanager
def lazy_imports(importer: str) -> Iterator[None]:
    """Make the imports of the block lazy. `importer`: the `__name__` of the module that imports."""
    real = builtins.__import__

    def import_later(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if globals is None or globals.get("__name__") != importer:  # another thread imports at the same time
            return real(name, globals, locals, fromlist, level)
        if not fromlist:
            return _StandIn(globals, name)
        return SimpleNamespace(**{each: _StandIn(globals, name, each) for each in fromlist})

    builtins.__import__ = import_later
    try:
        yield
    finally:
        builtins.__import__ = real
