"""A certificate authority for one test."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOUR = timedelta(hours=1)


def issue(folder: Path, *names: str, since: timedelta = -HOUR, until: timedelta = HOUR) -> tuple[Path, ssl.SSLContext]:
    """The PEM file of a new authority, and a server's TLS with a certificate of it for `names` (or IP addresses).

    `since`, `until`: when that certificate is valid, from now on.
    """
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("authority", authority_key, "authority", authority_key, x509.BasicConstraints(True, None))
    alternatives = x509.SubjectAlternativeName([_name(one) for one in names])
    own = _certificate("server", key, "authority", authority_key, alternatives, since, until)
    ca_file, chain = folder / "authority.pem", folder / "server.pem"
    ca_file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain.write_bytes(private + own.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return ca_file, context


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
    since: timedelta = -HOUR,
    until: timedelta = HOUR,
) -> x509.Certificate:
    now = datetime.now(UTC)
    called = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (subject, issuer)]
    # Python 3.13 asks for these (RFC 5280).
    signs = isinstance(extension, x509.BasicConstraints)
    usage = x509.KeyUsage(not signs, False, False, False, False, signs, False, False, False)
    return (
        x509.CertificateBuilder(called[1], called[0], key.public_key(), x509.random_serial_number())
        .not_valid_before(now + since)
        .not_valid_after(now + until)
        .add_extension(extension, critical=signs)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
