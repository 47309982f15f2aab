"""`jobs.support.config_file`: the TOML file of `--config`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import SettingsError
from jobs.support.config_file import check_config, read_toml


def test_an_unknown_name_in_the_configuration_suggests_the_nearest() -> None:
    with pytest.raises(SettingsError) as caught:
        config = {"wokers": 3, "client_secret": "x", "client_secret_command": "x", "rate": ["60/1m"]}
        check_config("c.toml", config, {"workers", "rate", "client_id"})
    assert "did you mean workers?" in caught.value.problems[0]
    assert "set KORE_CLIENT_SECRET" in caught.value.problems[1]
    assert "set KORE_CLIENT_SECRET" in caught.value.problems[2]


def test_a_configuration_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("workers = ")
    with pytest.raises(SettingsError, match="is not TOML"):
        read_toml(str(file))


values = st.recursive(
    st.text(max_size=5) | st.integers() | st.floats() | st.booleans() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(["workers", "rate", "client_secret", "x"]) | st.text(max_size=8), values))
def test_whatever_a_configuration_holds_it_is_accepted_or_refused(config: dict[str, Any]) -> None:
    try:
        check_config("c.toml", config, {"workers", "rate"})
    except SettingsError as error:
        assert error.problems


@pytest.mark.parametrize("text", ["a=" + "[" * 5000 + "]" * 5000, "a=" + "9" * 5000, "a=2026-13-45", "\ufeff\x00"])
def test_a_configuration_made_to_break_its_reader_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"c.toml"):
        read_toml(str(file))


def test_a_configuration_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(SettingsError, match="longer than"):
        read_toml("/dev/zero")
