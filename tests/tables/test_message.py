"""`exporter.tables.message`: the text of an SMS."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.tables.message import decode_message

TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1)


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
    ],
)
def test_each_documented_form_is_read(raw: str, text: str, encoding: str) -> None:
    assert decode_message(raw) == (text, encoding)


@given(TEXT)
def test_what_was_encoded_comes_back(text: str) -> None:
    raw = b64encode(text.encode()).decode()
    assert decode_message(raw).text == text
    assert decode_message(quote(raw, safe="")).text == text


@given(st.text())
def test_nothing_raises_and_plain_stays_as_it_is(raw: str) -> None:
    message = decode_message(raw)
    assert message.encoding != "plain" or message.text == raw
