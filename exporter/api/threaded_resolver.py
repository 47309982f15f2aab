"""Looking up host names in threads that do not hold up the end of the program: a name server may hang for minutes."""

from __future__ import annotations

import socket
from functools import partial

from aiohttp.abc import AbstractResolver, ResolveResult

from exporter.blocking_calls import BackgroundThread


class Resolver(AbstractResolver):
    """The system's resolver, a thread for each look-up."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of `host`. Raises `OSError`."""
        look_up = partial(
            socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        thread = BackgroundThread("resolver")
        try:
            addresses = await thread.run(look_up)
        finally:
            thread.close()
        return [
            ResolveResult(
                hostname=host,
                host=f"{address[0]}%{address[3]}" if len(address) == 4 and address[3] else str(address[0]),
                port=int(address[1]),
                family=found_family,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found_family, _, protocol, _, address in addresses
        ]

    async def close(self) -> None:
        """Nothing is kept."""
