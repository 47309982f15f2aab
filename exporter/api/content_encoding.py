"""How a body is packed (RFC 9110, 8.4): gzip and deflate are unpacked here, within bounds, as curl and browsers do.

What some services send is tolerated: several gzip members, bytes behind the last one, a body that is called gzip and is
plain, one that is gzip and not called so, a name that is no encoding, one in quotes or with parameters.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator

ACCEPTED = "gzip, deflate"
"""What requests ask for; not more where a library for more is installed."""

_GZIP, _DEFLATE = ("gzip", "x-gzip"), ("deflate",)
_UNKNOWN = ("br", "zstd", "compress", "x-compress")
GZIP_MAGIC = b"\x1f\x8b"
"""How a gzip body begins, and no text does."""


MOST_LAYERS = 2
"""Times that a body may be packed."""

MOST_MEMBERS = 10_000
"""Gzip members of one body: many that hold next to nothing would take long to unpack."""

_SLICE = 2**10
"""Bytes that are unpacked at once: they hold at most 1,032 times as many, and what follows a member is copied."""


class UnknownEncoding(ValueError):
    """The body is packed in a way that was not asked for."""


class Unpacker:
    """Unpacks a body piece by piece. `header`: the value of `Content-Encoding`. Raises `UnknownEncoding`."""

    def __init__(self, header: str) -> None:
        names = [name.partition(";")[0].strip(" \t\"'").lower() for name in header.split(",")]
        for name in names:
            if name in _UNKNOWN:
                raise UnknownEncoding(f"it is packed as {name}, which was not asked for")
        packed = [_Layer(name in _GZIP) for name in reversed(names) if name in (*_GZIP, *_DEFLATE)]
        if len(packed) > MOST_LAYERS:
            raise UnknownEncoding(f"it is packed {len(packed)} times")
        self._last = packed.pop() if packed else _Layer(is_gzip=True)
        self._outer = packed.pop() if packed else None

    def unpack(self, data: bytes, most: int) -> bytes:
        """What the next bytes hold, at most `most` bytes of it. Raises `zlib.error`."""
        unpacked: list[bytes] = []
        # Packed twice, a body may be longer in between than it is: there each slice is a bound.
        for packed in self._outer.unpack(data, sys.maxsize) if self._outer is not None else (data,):
            for piece in self._last.unpack(packed, most):
                unpacked.append(piece)
                most -= len(piece)
        return b"".join(unpacked)

    def end(self) -> None:
        """The body has ended. Raises `EOFError` where it was cut off."""
        if self._outer is not None:
            self._outer.end()
        self._last.end()


class _Layer:
    """One encoding of a body."""

    def __init__(self, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._waiting = b""
        self._stream: zlib._Decompress | None = None
        self._streams = 0
        self._is_plain = False

    def unpack(self, data: bytes, most: int) -> Iterator[bytes]:
        """What each slice of the next bytes holds."""
        for start in range(0, len(data), _SLICE):
            if self._is_plain:
                yield data[start:]
                return
            piece = self._unpack_slice(data[start : start + _SLICE], most)
            most -= len(piece)
            yield piece

    def _unpack_slice(self, data: bytes, most: int) -> bytes:
        data, self._waiting = self._waiting + data, b""
        pieces: list[bytes] = []
        while data and most > 0 and not self._is_plain and self._go_on(data):
            assert self._stream is not None  # noqa: S101 - or it would not go on
            pieces.append(self._stream.decompress(data, most))
            most -= len(pieces[-1])
            data = self._stream.unused_data
            if self._stream.eof:
                self._stream = None
        return data if self._is_plain else b"".join(pieces)

    def _go_on(self, data: bytes) -> bool:
        """Whether `data` goes into a stream; the one that it begins, where none is open."""
        if self._stream is not None:
            return True
        if self._streams and not (self._is_gzip and GZIP_MAGIC.startswith(data[:2])):
            return False  # bytes behind the end
        if self._is_gzip and not GZIP_MAGIC.startswith(data[:2]):
            self._is_plain = True
            return False
        if len(data) < 2:
            self._waiting = data
            return False
        # Deflate is zlib's format; some services send it without its header.
        has_header = data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0
        self._stream = zlib.decompressobj(31 if self._is_gzip else 15 if has_header else -15)
        self._streams += 1
        if self._streams > MOST_MEMBERS:
            raise zlib.error(f"it has more than {MOST_MEMBERS:,} gzip members")
        return True

    def end(self) -> None:
        if self._stream is not None or (self._waiting and not self._streams):
            raise EOFError("the packed body is cut off")
