"""`exporter.snapshot_store.open_destination`: which kind of destination a text names."""

from __future__ import annotations

import pytest

from exporter.errors import DestinationError
from exporter.snapshot_store.open_destination import open_destination


def test_a_destination_whose_name_is_no_text_is_told() -> None:
    with pytest.raises(DestinationError, match="not UTF-8"):
        open_destination("exports\udcff")
