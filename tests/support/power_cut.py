"""Power cuts, replayed: the file operations of a program, and what may be left of them on the disk.

`record` runs a program under strace. `Replay.cut` gives the files as they may be after a cut at some point: what was
synced is there; of the rest, some is. Two models of a file system:

    in order    names (made, renamed, removed) reach the disk in their order, and an fsync takes all before it along
    any order   a name is safe once its folder was synced; each other one may be there or not
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

from tests.support.commands_under_faults import Command

Model = Literal["in order", "any order"]
Kind = Literal["mkdir", "create", "write", "truncate", "rename", "remove", "sync", "said"]

CALLS = (
    "openat,open,creat,write,pwrite64,ftruncate,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,"
    "fsync,fdatasync,close"
)


@dataclass(frozen=True)
class Operation:
    """One call. `path`: of the file or folder at that time; `to`: the new name; `data` and `at`: what was written."""

    kind: Kind
    path: str = ""
    to: str = ""
    data: bytes = b""
    at: int = 0


def record(command: Command, *more: str) -> list[Operation]:
    """Run a command to its end; its operations below its folder, and the lines that it said on standard error."""
    trace = command.folder.with_suffix(".trace")
    done = command.run(*more, strace=["-y", "-xx", "-s", str(2**26), "-e", f"trace={CALLS}", "-o", str(trace)])
    assert done.returncode == command.line.code, done.stderr
    return list(_operations(trace, str(command.folder)))


_LINE = re.compile(r"^(\d+) +(.*)$")
_RESUMED = re.compile(r"^<\.\.\. \w+ resumed>(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+)(?:<.*>.*)?(?: .*)?$")
_FD = re.compile(r"^(AT_FDCWD|-?\d+)(?:<(.*?)>.*)?$")


def _lines(trace: Path) -> Iterator[str]:
    """Whole calls, in the order in which they ended."""
    begun: dict[str, str] = {}
    with trace.open(encoding="ascii") as file:
        for text in file:
            match = _LINE.match(text.rstrip("\n"))
            assert match is not None
            thread, call = match.groups()
            if call.endswith("<unfinished ...>"):
                begun[thread] = call.removesuffix("<unfinished ...>")
                continue
            if resumed := _RESUMED.match(call):
                call = begun.pop(thread) + resumed[1]
            yield call


def _operations(trace: Path, below: str) -> Iterator[Operation]:
    positions: dict[int, int] = {}
    there: set[str] = set()
    for call in _lines(trace):
        match = _CALL.match(call)
        if match is None or int(match[3]) < 0:
            continue
        name, arguments, result = match[1], _split(match[2]), int(match[3])
        if name == "write" and arguments[0].split("<")[0] == "2":
            yield Operation("said", data=_text(arguments[1]))
            continue
        if name in ("open", "openat", "creat"):
            path, flags = _opened(name, arguments)
            positions[result] = 0
            if path.startswith(below) and "O_CREAT" in flags and path not in there:
                yield Operation("create", path)
                there.add(path)
            if path.startswith(below) and "O_TRUNC" in flags:
                yield Operation("truncate", path)
            continue
        for operation in _operation(name, arguments, result, positions):
            if operation.path.startswith(below):
                there.discard(operation.path if operation.kind in ("rename", "remove") else "")
                yield operation


def _operation(name: str, arguments: list[str], result: int, positions: dict[int, int]) -> Iterator[Operation]:
    if name in ("write", "pwrite64", "ftruncate", "fsync", "fdatasync", "close"):
        number, path = _descriptor(arguments[0])
        if name == "write":
            at = positions.get(number, 0)
            positions[number] = at + result
            yield Operation("write", path, data=_text(arguments[1])[:result], at=at)
        elif name == "pwrite64":
            yield Operation("write", path, data=_text(arguments[1])[:result], at=int(arguments[3]))
        elif name == "ftruncate":
            yield Operation("truncate", path, at=int(arguments[1]))
        elif name != "close":
            yield Operation("sync", path)
    elif name == "mkdir":
        yield Operation("mkdir", _text(arguments[0]).decode())
    elif name == "mkdirat":
        yield Operation("mkdir", _beside(arguments[0], arguments[1]))
    elif name == "rename":
        yield Operation("rename", _text(arguments[0]).decode(), _text(arguments[1]).decode())
    elif name in ("renameat", "renameat2"):
        yield Operation("rename", _beside(arguments[0], arguments[1]), _beside(arguments[2], arguments[3]))
    elif name in ("unlink", "rmdir"):
        yield Operation("remove", _text(arguments[0]).decode())
    elif name == "unlinkat":
        yield Operation("remove", _beside(arguments[0], arguments[1]))


def _split(arguments: str) -> list[str]:
    """At commas outside of texts; texts hold only \\x.. in hexadecimal."""
    return [part.strip() for part in re.split(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", arguments)] if arguments else []


def _text(argument: str) -> bytes:
    return bytes.fromhex(argument.strip('"').replace("\\x", ""))


def _descriptor(argument: str) -> tuple[int, str]:
    match = _FD.match(argument)
    assert match is not None, argument
    path = match[2] or ""
    if "\\x" in path:
        path = bytes.fromhex(path.replace("\\x", "")).decode()
    return (-1 if match[1] == "AT_FDCWD" else int(match[1])), path


def _beside(folder: str, name: str) -> str:
    return os.path.normpath(os.path.join(_descriptor(folder)[1], _text(name).decode()))  # noqa: PTH118


def _opened(name: str, arguments: list[str]) -> tuple[str, str]:
    if name == "openat":
        return _beside(arguments[0], arguments[1]), arguments[2]
    return _text(arguments[0]).decode(), arguments[1] if name == "open" else "O_CREAT|O_TRUNC"


@dataclass
class _Node:
    """A file or folder, by whatever name. `synced`: its bytes at the last fsync."""

    folder: bool = False
    versions: list[bytes] = field(default_factory=lambda: [b""])
    synced: int = 0


Files = dict[str, bytes | None]
"""Path -> content; None: a folder."""


class Replay:
    """Operations that begin with some files on the disk."""

    def __init__(self, operations: Sequence[Operation], before: Files) -> None:
        self.operations = operations
        self._before = before

    def cut(self, after: int, model: Model, random: Random) -> Files:
        """The files that may be there when the power fails after so many operations."""
        nodes: dict[str, _Node] = {
            path: _Node(content is None, [content or b""]) for path, content in self._before.items()
        }
        names: list[tuple[Operation, _Node | None]] = []
        live = dict(nodes)
        certain: set[int] = set()
        for operation in self.operations[:after]:
            self._apply(operation, live, names, certain, model)
        first_uncertain = max(certain, default=-1) + 1
        reached = random.randint(first_uncertain, len(names)) if model == "in order" else 0
        disk = nodes
        for number, (operation, node) in enumerate(names):
            if number < reached or number in certain or (model == "any order" and random.random() < 0.5):
                _rename(disk, operation, node)
        return {path: self._content(node, random) for path, node in sorted(disk.items()) if _has_parents(disk, path)}

    def _apply(
        self,
        operation: Operation,
        live: dict[str, _Node],
        names: list[tuple[Operation, _Node | None]],
        certain: set[int],
        model: Model,
    ) -> None:
        node = live.get(operation.path)
        if operation.kind in ("mkdir", "create", "rename", "remove"):
            if operation.kind in ("mkdir", "create"):
                node = _Node(operation.kind == "mkdir")
            names.append((operation, node))
            _rename(live, operation, node)
        elif node is None:
            return
        elif operation.kind == "write":
            old = node.versions[-1].ljust(operation.at, b"\0")
            node.versions.append(old[: operation.at] + operation.data + old[operation.at + len(operation.data) :])
        elif operation.kind == "truncate":
            node.versions.append(node.versions[-1][: operation.at].ljust(operation.at, b"\0"))
        elif operation.kind == "sync":
            node.synced = len(node.versions) - 1
            for number, (name, _) in enumerate(names):
                if model == "in order":
                    certain.add(number)
                elif str(Path(name.to or name.path).parent) == operation.path:
                    _make_certain(number, names, certain)

    @staticmethod
    def _content(node: _Node, random: Random) -> bytes | None:
        if node.folder:
            return None
        return node.versions[random.choice((node.synced, random.randint(node.synced, len(node.versions) - 1)))]


def _make_certain(number: int, names: list[tuple[Operation, _Node | None]], certain: set[int]) -> None:
    """A name is on the disk, and so is what was renamed to it, under whatever name that began."""
    certain.add(number)
    operation = names[number][0]
    if operation.kind == "rename":
        for earlier in range(number - 1, -1, -1):
            name = names[earlier][0]
            if name.kind != "remove" and (name.to or name.path) == operation.path:
                _make_certain(earlier, names, certain)
                return


def _rename(names: dict[str, _Node], operation: Operation, node: _Node | None) -> None:
    """Do what an operation does to names; one that lacks what it needs did not happen either."""
    if operation.kind in ("mkdir", "create") and node is not None:
        names.setdefault(operation.path, node)
        return
    moved = {path: names[path] for path in names if path == operation.path or path.startswith(operation.path + "/")}
    if operation.kind == "rename" and operation.path not in names:
        return
    for path, found in moved.items():
        del names[path]
        if operation.kind == "rename":
            names[operation.to + path.removeprefix(operation.path)] = found


def _has_parents(names: Mapping[str, _Node], path: str) -> bool:
    parent = str(Path(path).parent)
    return parent not in names or names[parent].folder


def files_below(folder: Path) -> Files:
    """What is there now."""
    return {
        str(path): None if path.is_dir() else path.read_bytes()
        for path in sorted([folder, *folder.rglob("*")])
        if path.exists()
    }


def put(files: Files, below: Path, into: Path) -> Path:
    """Make the files of a state, with another folder in the place of `below`; without their folder they are lost."""
    into.mkdir()
    for path, content in files.items():
        target = into / Path(path).relative_to(below)
        if content is None:
            if target.parent.exists():
                target.mkdir(exist_ok=True)
        elif target.parent.exists():
            target.write_bytes(content)
    return into
