"""`exporter.api.content_encoding`: packed bodies."""

from __future__ import annotations

import gzip
import itertools
import random
import time
import zlib
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.content_encoding import MOST_MEMBERS, UnknownEncoding, Unpacker
from tests.support.costs import peak_memory

BODY = b'{"status":"success","data":{"_id":"cd-1"}}' * 20


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


FORMS = {
    "gzip": ("gzip", gzip.compress(BODY)),
    "its old name": ("X-GZIP", gzip.compress(BODY)),
    "two members": ("gzip", gzip.compress(BODY[:300]) + gzip.compress(BODY[300:])),
    "an empty member": ("gzip", gzip.compress(BODY) + gzip.compress(b"")),
    "a line break behind it": ("gzip", gzip.compress(BODY) + b"\r\n\r\n"),
    "zeros behind it": ("gzip", gzip.compress(BODY) + b"\0" * 64),
    "the first byte of another member": ("gzip", gzip.compress(BODY) + b"\x1f"),
    "plain, called gzip": ("gzip", BODY),
    "deflate": ("deflate", zlib.compress(BODY)),
    "deflate without a header": ("deflate", raw_deflate(BODY)),
    "deflate and bytes behind it": ("deflate", zlib.compress(BODY) + b"\r\n"),
    "twice": ("gzip, gzip", gzip.compress(gzip.compress(BODY))),
    "one in the other": ("deflate, gzip", gzip.compress(zlib.compress(BODY))),
    "identity": ("identity", BODY),
    "no encoding": ("utf-8", BODY),
    "gzip, not called so": ("", gzip.compress(BODY)),
    "gzip, called something else": ("utf-8", gzip.compress(BODY)),
    "plain": ("", BODY),
    "with a parameter": ("gzip;q=1", gzip.compress(BODY)),
    "in quotes": ('"gzip"', gzip.compress(BODY)),
    "no encoding beside one": ("utf-8, gzip", gzip.compress(BODY)),
}


@pytest.mark.parametrize("form", FORMS)
@given(cuts=st.lists(st.integers(0, 400), max_size=5))
def test_a_packed_body_is_unpacked_however_it_comes(form: str, cuts: list[int]) -> None:
    header, packed = FORMS[form]
    unpacker = Unpacker(header)
    ends = sorted({0, *cuts, len(packed)})
    pieces = [packed[start:stop] for start, stop in itertools.pairwise(ends)]
    assert b"".join(unpacker.unpack(piece, 10**6) for piece in pieces) == BODY
    unpacker.end()


@pytest.mark.parametrize("header", ["gzip", "deflate"])
def test_a_packed_body_that_is_cut_off_is_known_as_such(header: str) -> None:
    packed = FORMS[header][1]
    for length in range(1, len(packed)):
        unpacker = Unpacker(header)
        unpacker.unpack(packed[:length], 10**6)
        with pytest.raises(EOFError):
            unpacker.end()


def test_of_a_bomb_no_more_is_unpacked_than_allowed() -> None:
    for bomb in (gzip.compress(b"0" * 10**7), gzip.compress(b"0" * 600) * 10_000):
        assert len(Unpacker("gzip").unpack(bomb, 1000)) == 1000
        assert peak_memory(partial(Unpacker("gzip").unpack, bomb, 1000)) < 2**20


def test_of_a_bomb_in_a_bomb_no_more_is_unpacked_than_allowed() -> None:
    bomb = zlib.compress(gzip.compress(b"0" * 10**7, compresslevel=0))
    assert len(Unpacker("gzip, deflate").unpack(bomb, 1000)) == 1000
    assert peak_memory(partial(Unpacker("gzip, deflate").unpack, bomb, 1000)) < 5 * 2**20


def test_a_body_of_the_longest_length_may_be_packed_twice_though_it_is_longer_in_between() -> None:
    body = random.Random(1).randbytes(1000)
    unpacker = Unpacker("gzip, gzip")
    assert unpacker.unpack(gzip.compress(gzip.compress(body)), len(body) + 1) == body
    unpacker.end()


def test_many_members_are_unpacked_quickly_and_too_many_are_refused() -> None:
    body = b"0" * 2**22
    packed = gzip.compress(b"") * (MOST_MEMBERS - 1) + gzip.compress(body, compresslevel=0)
    began = time.process_time()
    assert Unpacker("gzip").unpack(packed, 10**7) == body
    assert time.process_time() - began < 1, "several seconds, were the rest copied for each of them"
    with pytest.raises(zlib.error, match="more than 10,000 gzip members"):
        Unpacker("gzip").unpack(gzip.compress(b"") + packed, 10**7)


def test_what_is_packed_more_than_twice_is_refused() -> None:
    with pytest.raises(UnknownEncoding, match="packed 3 times"):
        Unpacker("gzip, deflate, gzip")


@pytest.mark.parametrize("header", ["br", "ZSTD", "gzip, br"])
def test_an_encoding_that_was_not_asked_for_is_named(header: str) -> None:
    with pytest.raises(UnknownEncoding, match=header.split(", ")[-1].lower()):
        Unpacker(header)


def test_an_empty_body_is_packed_in_no_way() -> None:
    unpacker = Unpacker("gzip")
    assert unpacker.unpack(b"", 10) == b""
    unpacker.end()


@pytest.mark.parametrize("header", ["", "gzip"])
def test_a_single_byte_is_a_whole_body(header: str) -> None:
    unpacker = Unpacker(header)
    assert unpacker.unpack(b"7", 10) == b"7"
    unpacker.end()


@given(st.binary(max_size=50), st.sampled_from(["gzip", "deflate", "gzip, deflate"]))
def test_whatever_a_packed_body_is_it_is_unpacked_or_refused(data: bytes, header: str) -> None:
    unpacker = Unpacker(header)
    try:
        unpacker.unpack(data, 100)
        unpacker.end()
    except (zlib.error, EOFError):
        pass
