from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from exporter.api.endpoints import Request
from exporter.api.http import HttpTransport
from exporter.api.transport_errors import TransportError


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody but its own file vouches for, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, secret


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[tuple[str, Path]]:
    """A service over TLS: its URL and its certificate."""
    pem, secret = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, secret)

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(text="well")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}/", pem
    await runner.cleanup()


async def test_a_certificate_that_the_system_does_not_know_is_refused(service: tuple[str, Path]) -> None:
    async with HttpTransport(timeout=20.0, max_body=1000, connections=1) as transport:
        sent: list[str] = []
        with pytest.raises(TransportError, match="certificate"):
            await transport.send(Request("GET", service[0], {}), on_sent=lambda: sent.append("sent"))
    assert not sent


async def test_a_certificate_that_the_given_file_knows_is_taken(service: tuple[str, Path]) -> None:
    url, pem = service
    async with HttpTransport(timeout=20.0, max_body=1000, connections=1, ca_file=str(pem)) as transport:
        assert (await transport.send(Request("GET", url, {}), on_sent=lambda: None)).body == b"well"
