"""Every campaign of a Kore.ai account, out of its API and into files people trust."""

from __future__ import annotations

from exporter._version import __version__

__all__ = ["__version__"]
