"""`exporter.tables.sms_text`: the text of an SMS."""

from __future__ import annotations

from base64 import b64decode, b64encode, urlsafe_b64encode
from string import ascii_letters
from urllib.parse import quote, unquote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exporter.tables.sms_text import LONGER_THAN_A_WORD, decode_message
from tests.support.costs import peak_memory

LATIN = st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_categories=["Cc"]) | st.sampled_from(
    "€–—“”…\n😀🎉"
)
OTHERS = [
    (0x391, 0x3C9),
    (0x410, 0x44F),
    (0x5D0, 0x5EA),
    (0x621, 0x63A),
    (0x905, 0x939),
    (0x3042, 0x3096),
    (0x4E00, 0x9FA5),
]


@st.composite
def written(draw: st.DrawFn) -> str:
    """What somebody may have written: Latin letters and signs, and those of one other script."""
    other = draw(st.sampled_from(OTHERS))
    characters = LATIN | st.characters(min_codepoint=other[0], max_codepoint=other[1], categories=["L"])
    return draw(st.sampled_from("<Hgé")) + draw(st.text(characters, max_size=200))


@pytest.mark.parametrize(
    ("raw", "text", "encoding"),
    [
        ("Hi, pier B opens at noon on 3 May.", "Hi, pier B opens at noon on 3 May.", "plain"),
        (
            "PHA+RGVhciAmbHQ7Rmlyc3QgTmFtZSZndDssIHNlZSB5b3UgYXQgPHN0cm9uZz40IHBtPC9zdHJvbmc+ID88L3A+",
            "<p>Dear &lt;First Name&gt;, see you at <strong>4 pm</strong> ?</p>",
            "base64",
        ),
        ("RGVhbCBlbmRzIH5%2BPiBvaw%3D%3D", "Deal ends ~~> ok", "percent_base64"),
        ("RGVhbCBlbmRzIH5+PiBvaw", "Deal ends ~~> ok", "base64"),
        ("RGVhbCBlbmRzIH5+PiBvaw=", "Deal ends ~~> ok", "base64"),
        ("RGVhbCBlbmRzIH5+PiBvaw%3D", "Deal ends ~~> ok", "percent_base64"),
        ("RGVhbCBlbmRzIH5+PiBvaw===", "RGVhbCBlbmRzIH5+PiBvaw===", "plain"),
        ("RGVh=bCBl", "RGVh=bCBl", "plain"),
        ("=RGVhbCBl", "=RGVhbCBl", "plain"),
        ("RGVhbCBl\n", "RGVhbCBl\n", "plain"),
        ("QQJB", "QQJB", "plain"),
        ("QUI=", "AB", "base64"),
        ("QUJ=", "QUJ=", "plain"),
        ("QU I=", "QU I=", "plain"),
        ("====", "====", "plain"),
        ("RGVhbCBlbmRzIH5%FF", "RGVhbCBlbmRzIH5%FF", "plain"),
        ("50% off, only today", "50% off, only today", "plain"),
        ("", "", "plain"),
        ("xxxx", "xxxx", "plain"),
        ("Welcome1", "Welcome1", "plain"),
        ("PHA%2B", "<p>", "percent_base64"),
        ("RGVhbCBl\nbmRzIH5+PiBvaw==", "Deal ends ~~> ok", "base64"),
        ("RGVhbCBl\rbmRzIH5+PiBvaw==", "Deal ends ~~> ok", "base64"),
    ],
)
def test_each_documented_form_is_read(raw: str, text: str, encoding: str) -> None:
    assert decode_message(raw)[:2] == (text, encoding)


def forms_of(data: bytes) -> list[str]:
    """Base64 in the forms that were seen: percent-encoded, in lines, of the URL-safe alphabet, without padding."""
    standard = b64encode(data).decode()
    lines = "\r\n".join(standard[at : at + 76] for at in range(0, len(standard), 76))
    return [
        standard,
        quote(standard, safe=""),
        lines,
        lines + "\n",
        urlsafe_b64encode(data).decode(),
        standard.rstrip("="),
    ]


@given(written())
def test_what_was_encoded_comes_back_in_every_form(text: str) -> None:
    for raw in forms_of(text.encode()):
        if raw.strip().endswith("=") or "%" in raw or len(raw.strip()) >= LONGER_THAN_A_WORD:
            assert decode_message(raw).text == text, raw


@given(st.text(st.characters(exclude_categories=["Cc", "Cn", "Co", "Cs"]), min_size=10))
def test_a_text_of_any_scripts_comes_back_where_it_is_long_enough(text: str) -> None:
    assume(len(text.encode()) >= 30 and "\ufffd" not in text)
    for raw in forms_of(text.encode()):
        assert decode_message(raw).text == text, raw


@pytest.mark.parametrize(
    "text",
    [
        "キャンペーン", "カード", "人々の", "ﾊﾟｰﾃｨｰ", "ひらがなとカタカナと漢字", "日本 OK", "ㄅㄆㄇ 注音", "안녕 漢字",
        "x² μ-law Ω", "ªº µ και", "Ünïcödé привет", "한글 ok ✓", "1ˢᵗ день",
    ],
)  # fmt: skip
def test_scripts_that_are_written_side_by_side_are_one(text: str) -> None:
    text += "!" * (len(text.encode()) % 3 == 0)  # with padding, so that it need not be long
    assert decode_message(b64encode(text.encode()).decode())[:2] == (text, "base64")


@pytest.mark.parametrize("text", ["αи", "אا", "คи", "漢и", "αβγ и", "Ж and א together"])
def test_a_short_text_of_several_scripts_is_in_doubt(text: str) -> None:
    raw = b64encode(text.encode()).decode()
    assert decode_message(raw) == (raw, "plain", None)


@pytest.mark.parametrize(("foreign", "encoding"), [(10, "base64"), (11, "plain")])
def test_bytes_that_are_mostly_no_ascii_are_not_taken_for_cp1252(foreign: int, encoding: str) -> None:
    data = b"\xe9" * foreign + b"e" * (40 - foreign)
    assert decode_message(b64encode(data).decode()).encoding == encoding


@given(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=40),
    st.text("éàüß€’…ñ", min_size=1, max_size=8),
)
def test_cp1252_is_read_where_it_is_no_utf8(ascii_text: str, letters: str) -> None:
    data = f"{ascii_text} {letters}.".encode("cp1252")
    assume(not readable_as_utf8(data))
    for raw in forms_of(data):
        assert decode_message(raw).text == f"{ascii_text} {letters}."


def readable_as_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


WORDS = (
    "Reminder", "City", "DUE", "Sale", "Test", "Welcome1", "Hello", "Yes", "STOP", "Unsubscribe", "Congratulations",
    "Ihr_Termin", "follow-up", "OFF", "SAVE20", "Black-Friday", "HAPPYNEWYEAR2026", "Terminbestaetigung",
    "Donaudampfschifffahrtsgesellschaft", "supercalifragilistic", "internationalization", "PASSWORD-RESET",
    "4b1f6c2e90ad5c378e126d0f3a7b9c55", "4B1F6C2E90AD5C37", "+15550100417", "AAAA", "aaaaaaaaaaaaaaaa", "xxxx",
    "cd-4b1f6c2e-90ad-5c37-8e12-6d0f3a7b9c55", "Zahlungserinnerung", "Rappel", "Bienvenue", "Recordatorio",
)  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_a_word_or_a_code_stays_text(word: str) -> None:
    assert decode_message(word) == (word, "plain", None)


def test_numbers_stay_text() -> None:
    numbers = [*range(10_000), *(7**power for power in range(4, 80))]
    assert [number for number in numbers if decode_message(str(number)) != (str(number), "plain", None)] == []


@given(st.text(ascii_letters, min_size=1, max_size=30))
def test_letters_alone_are_hardly_ever_taken_for_base64(word: str) -> None:
    message = decode_message(word)
    assert message.encoding == "plain" or len(word) >= LONGER_THAN_A_WORD


@pytest.mark.parametrize(("raw", "text"), [("SGVsbG8", "Hello"), ("YWJj", "abc"), ("RGVhbCBl\n", "Deal e")])
def test_what_may_be_base64_and_is_too_short_to_be_sure_is_left_alone_with_a_doubt(raw: str, text: str) -> None:
    message = decode_message(raw)
    assert (message.text, message.encoding) == (raw, "plain")
    assert message.doubt == f"may be Base64 of {text!r}; too short to be sure"
    assert decode_message("w6nDqQ") == ("w6nDqQ", "plain", None), "of two letters that a chance word gives, too"


@pytest.mark.parametrize(
    "text",
    ["\rA", "\tindented", "\nHi there", "a\x00b", "\ufffd replaced", "\ue000 private", "\u0378 unassigned"],
)
@pytest.mark.parametrize("more", ["", " and so on, for long enough"])
def test_what_nobody_writes_is_not_taken_for_a_text(text: str, more: str) -> None:
    raw = b64encode((text + more).encode()).decode()
    assert decode_message(raw)[:2] == (raw, "plain")


@given(written(), st.sampled_from(["", "+/=", "abc"]))
def test_percent_decoding_is_that_of_unquote(text: str, safe: str) -> None:
    """The program does it in another way, which takes less room."""
    raw = quote(b64encode(text.encode()), safe=safe).replace("a", "%61")
    assume("%" in raw)
    assert decode_message(raw) == (b64decode(unquote(raw)).decode(), "percent_base64", None)


def test_a_message_of_nothing_but_escapes_takes_a_small_multiple_of_its_size() -> None:
    raw = "%41" * 700_000
    assert peak_memory(lambda: decode_message(raw)) < 6 * len(raw)
    assert decode_message(raw) == (raw, "plain", None)


@given(st.text())
def test_nothing_raises_and_plain_stays_as_it_is(raw: str) -> None:
    message = decode_message(raw)
    assert message.encoding != "plain" or message.text == raw
