"""`exporter.text`: the rules about characters."""

from __future__ import annotations

import re
import sys
import time
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.text import (
    CONTROL,
    INVISIBLE,
    LONGEST_ID,
    check_unquoted,
    error_line,
    escaped,
    excerpt,
    has_control,
    has_control_in_prose,
    has_surrogate,
    hide_secrets,
    hide_tokens,
    id_problem,
    is_quoted,
    is_visible_ascii,
    one_line,
    storable,
    terminal_cell,
    terminal_safe,
    trim_invisible,
    without_format_characters,
)

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
UNSAFE = "\x1b\x9b\x07\r\x7f\u061c\u200e\u200f\u2028\u2029\u202e\u2066\u2069\ud800"
ODD = UNSAFE + "\x00\n\t\u200b\u200d\ufeff\u2060\u00ad ab"
texts = st.text(st.sampled_from(ODD) | st.characters(), max_size=30)


def test_what_a_server_echoes_is_reported_without_tokens_and_in_one_line() -> None:
    assert hide_tokens(f"bad token {TOKEN}!") == "bad token [token hidden]!"
    assert one_line("a\x1b[31m\nb\u202ec\u200bd", 50) == "a [31m b c d"
    assert one_line("x" * 60, 50) == "x" * 49 + "…"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("'http://127.0.0.1:1/box?sv=2022&se=2027&sig=hu%2Bsh%3D/x' failed", "sv=2022&se=2027&sig=[hidden]' failed"),
        ("https://s3/x?X-Amz-Signature=hush&X-Amz-Date=1", "?X-Amz-Signature=[hidden]&X-Amz-Date=1"),
        ("https://s3/x?X-Amz-Security-Token=hush", "?X-Amz-Security-Token=[hidden]"),
        ("AccountName=n;AccountKey=hush==;BlobEndpoint=x", "AccountName=n;AccountKey=[hidden];BlobEndpoint=x"),
        ("SharedAccessSignature=hush&sig=hush", "SharedAccessSignature=[hidden]&sig=[hidden]"),
        ("body: client_id=x&client_secret=hush", "client_id=x&client_secret=[hidden]"),
        ("proxy http://user:hu/sh@proxy:3128 refused", "proxy http://[hidden]@proxy:3128 refused"),
        ("s3://AKIA:hush@bucket/x", "s3://[hidden]@bucket/x"),
        ("http://127.0.0.1:1/x: design=1, mail a@b", "http://127.0.0.1:1/x: design=1, mail a@b"),
    ],
)
def test_what_a_library_says_is_reported_without_passwords_and_signatures(text: str, line: str) -> None:
    shown = one_line(text, 200)
    assert line in shown
    assert "hu" not in shown


@pytest.mark.parametrize("line_end", ["\n", "\\n", "\nstamp ", " "])
@pytest.mark.parametrize("kind", ["", "RSA ", "ENCRYPTED "])
def test_a_private_key_is_hidden_and_what_stands_around_it_is_not(kind: str, line_end: str) -> None:
    begin, body, end = f"-----BEGIN {kind}PRIVATE KEY-----", "hush/hush+", f"-----END {kind}PRIVATE KEY-----"
    whole = line_end.join(["before", begin, body, body, end, "after"])
    assert hide_secrets(whole) == line_end.join(["before", "[private key hidden]", "after"])
    cut = line_end.join([begin, body])
    assert hide_secrets(f'{{"message": "{cut}"}}\n') == '{"message": "[private key hidden]"}\n'
    assert hide_secrets(f"{cut}\n") == "[private key hidden]\n"


@given(texts)
def test_one_line_is_one_line_that_every_file_can_hold(text: str) -> None:
    line = one_line(text, 20)
    assert len(line) <= 20
    assert len(line.splitlines()) <= 1
    assert not has_control(line)
    line.encode()


@given(texts)
def test_no_text_keeps_a_character_that_a_terminal_would_act_on(text: str) -> None:
    assert not set(terminal_safe(text)) & set(UNSAFE)
    assert terminal_safe("Äö 日本 👩\u200d👧 \t\n") == "Äö 日本 👩\u200d👧 \t\n"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=10))
def test_arrow_reads_the_same_sets_of_characters_as_python(text: str) -> None:
    assert pc.match_substring_regex(pa.scalar(text), f"[{CONTROL}]").as_py() == has_control(text)


def test_every_format_character_of_unicode_s_first_plane_that_shows_nothing_is_invisible() -> None:
    """The others are signs of Arabic and Syriac that do show something, and shorthand of one old script."""
    formats = {chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) == "Cf"}
    shown = {sign for sign in formats if trim_invisible(sign)[0]}
    assert shown == set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
    assert not pc.match_substring_regex(pa.scalar("a b"), f"[{INVISIBLE}]").as_py()


@pytest.mark.parametrize(
    "around", ["\ufeff", "\u200b", "\u200e", "\u202c", "\u00a0", "\u3000", "\u2060", " \t\r\n", "\u00ad"]
)
def test_white_space_and_invisible_characters_are_trimmed_and_it_is_known(around: str) -> None:
    assert trim_invisible(f"{around}cd-1{around}") == ("cd-1", True)
    assert trim_invisible(f"cd{around}1") == (f"cd{around}1", False)
    assert trim_invisible(around) == ("", True)


@given(texts)
def test_trimming_takes_from_the_ends_only_and_leaves_nothing_to_trim(text: str) -> None:
    trimmed, changed = trim_invisible(text)
    assert trimmed in text
    assert changed == (trimmed != text)
    assert trim_invisible(trimmed) == (trimmed, False)


@pytest.mark.parametrize(
    ("campaign_id", "problem"),
    [
        ("cd-1", None),
        ("../../x", None),
        ("x" * LONGEST_ID, None),
        ("x" * (LONGEST_ID + 1), "an ID longer than 256 characters"),
        ("", "a row without an ID"),
        ("a\x1b[2J", "an ID with control characters"),
        ("a\tb", "an ID with control characters"),
        ("a\u2028b", "an ID with control characters"),
        ("a\udc80", "an ID with control characters"),
    ],
)
def test_what_can_be_a_campaign_id(campaign_id: str, problem: str | None) -> None:
    assert id_problem(campaign_id) == problem


def test_each_rule_knows_its_characters() -> None:
    assert [has_control_in_prose(text) for text in ("a\tb\r\nc", "a\x00", "a\x0b", "a\x9f")] == [
        False,
        True,
        True,
        True,
    ]
    assert [has_surrogate(text) for text in ("a\ud800", "👩", "")] == [True, False, False]
    assert [is_visible_ascii(text) for text in ("a-1~", "a b", "é", "\x7f", "")] == [True, False, False, False, True]


def test_trimming_a_long_run_of_blanks_takes_no_time() -> None:
    text = "a" + " \u200b" * 500_000 + "b"
    assert trim_invisible(f" \ufeff{text}\u200e\n") == (text, True)


@pytest.mark.parametrize(
    ("text", "clean"),
    [(" a  b ", "a  b"), ("\u200e9:00\u202fAM\ufeff", "9:00 AM"), ("a\u00a0\u2009b", "a b"), ("\u200b", ""), ("", "")],
)
def test_format_characters_are_left_out_and_special_blanks_are_plain(text: str, clean: str) -> None:
    assert without_format_characters(text) == clean


def test_an_excerpt_shows_the_beginning_invisible_characters_and_no_token() -> None:
    assert excerpt("abc", 3) == "abc"
    assert excerpt("abcd", 3) == "abc…"
    assert excerpt("a\u200e\n\ufeffb", 9) == "a\\u200e\\n\\ufeffb"
    assert excerpt(f"x {TOKEN}", 200) == "x [token hidden]"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left on device", "/tmp/x"), "No space left on device"),
        (OSError("refused"), "refused"),
        (ValueError("  first.\nsecond"), "first"),
        (ValueError(""), "ValueError"),
        (KeyError(), "KeyError"),
        (ValueError("…" * 400), "…" * 300),
    ],
)
def test_what_an_error_says_is_one_line(error: BaseException, line: str) -> None:
    assert error_line(error) == line


@pytest.mark.parametrize(
    ("text", "shown"), [("plain ä", "plain ä"), ("a\nb", "a\\nb"), ("\u200b", "\\u200b"), ("", "")]
)
def test_what_is_not_printable_is_seen_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_can_be_stored_and_one_that_is_utf_8_as_it_is(text: str) -> None:
    stored = storable(text)
    assert stored.encode().decode() == stored
    assert (stored == text) == (not has_surrogate(text))
    assert storable("a\udcffb") == "a\\udcffb"


def test_a_cell_of_a_table_is_one_line_and_harmless() -> None:
    assert terminal_cell("a\r\nb\nc\td\x1b[2J") == "a⏎b⏎c d\\x1b[2J"


def test_no_letter_or_digit_is_invisible() -> None:
    """So a text that begins with one is not blank."""
    characters = "".join(map(chr, range(sys.maxunicode + 1)))
    assert not any(map(str.isalnum, re.findall(f"[{INVISIBLE}]", characters)))


@pytest.mark.parametrize("inside", ["", "x", "a b", "'"])
def test_a_text_is_quoted_between_two_quotes_of_a_kind(inside: str) -> None:
    for opening, closing in ("''", '""', "“”", "‘’"):
        assert is_quoted(opening + inside + closing)
        assert not is_quoted(opening)
        assert not is_quoted("x" + inside + closing)
        assert not is_quoted(opening + inside + "x")
    assert not is_quoted("'\"")
    assert not is_quoted("")


def test_all_variables_in_quotes_are_named_and_none_of_their_values_is_shown() -> None:
    variables = {"A": '"hush"', "B": " 'hush' ", "C": "hush", "D": "'not asked about'"}
    check_unquoted(variables, "C", "MISSING")
    with pytest.raises(ValueError, match="A is wrapped in quotes; B is wrapped in quotes: remove them") as caught:
        check_unquoted(variables, "A", "B", "C", "MISSING")
    assert "hush" not in str(caught.value)


def test_a_text_that_is_long_and_almost_a_private_key_takes_no_square_of_its_length() -> None:
    """It takes 14 s where it does."""
    began = time.process_time()
    assert hide_secrets("-----BEGIN PRIVATE KEY-----" + " " * 50_000 + "x") == "[private key hidden]"
    assert time.process_time() - began < 5
