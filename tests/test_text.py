"""`exporter.text`: text of the service, made fit to be shown."""

from __future__ import annotations

from exporter.text import hide_tokens, one_line

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


def test_what_a_server_echoes_is_told_without_tokens_and_in_one_line() -> None:
    assert hide_tokens(f"bad token {TOKEN}!") == "bad token [token hidden]!"
    assert one_line("a\x1b[31m\nb\u202ec", 50) == "a [31m b c"
    assert one_line("x" * 60, 50).endswith("…")
