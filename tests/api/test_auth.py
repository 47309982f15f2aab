"""`exporter.api.auth`: a token for each request."""

from __future__ import annotations

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.auth import BACKDATED, LIFETIME, TokenSource
from exporter.settings import Algorithm, ReadyToken, Secret, SigningKey
from tests.support.virtual_time import ManualClock


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "RS256", "RS512"])
def test_a_token_is_signed_short_lived_and_has_the_claims_of_the_page(
    algorithm: Algorithm, rsa_key: rsa.RSAPrivateKey
) -> None:
    key = (
        pem(rsa_key)
        if algorithm.startswith("RS")
        else "a secret of more than thirty-two signs, or sixty-four even, for SHA-512"
    )
    clock = ManualClock()
    token = TokenSource(SigningKey("cs-1", Secret(key), algorithm), clock=clock).token()
    public = rsa_key.public_key() if algorithm.startswith("RS") else key
    claims = jwt.decode(token, public, algorithms=[algorithm], options={"verify_exp": False, "verify_iat": False})
    assert claims["appId"] == "cs-1"
    assert claims["sub"]
    assert 0 < claims["exp"] - claims["iat"] <= 3600
    assert claims["jti"]


def test_no_jti_is_ever_used_twice() -> None:
    sources = [TokenSource(SigningKey("cs-1", Secret("s" * 32)), clock=ManualClock()) for _ in range(3)]
    tokens = [source.token() for source in sources for _ in range(200)]
    jtis = {jwt.decode(token, options={"verify_signature": False})["jti"] for token in tokens}
    assert len(jtis) == 600


@given(st.lists(st.integers(-1500, 1500), min_size=1, max_size=100))
def test_a_token_is_signed_when_it_is_asked_for_and_iat_lies_a_little_in_the_past(milliseconds: list[int]) -> None:
    """A service whose clock is up to a minute behind ours does not take the token for one of the future."""
    clock = ManualClock()
    source = TokenSource(SigningKey("cs-1", Secret("s" * 32)), clock=clock)
    for waited in milliseconds:
        clock.time += waited / 1000
        claims = jwt.decode(source.token(), options={"verify_signature": False})
        assert claims["iat"] == int(clock.now()) - BACKDATED
        assert claims["exp"] == int(clock.now()) + LIFETIME


def test_a_short_secret_signs_without_a_warning() -> None:
    """Warnings are errors in these tests."""
    assert TokenSource(SigningKey("cs-1", Secret("short")), clock=ManualClock()).token().count(".") == 2


def test_a_ready_token_is_sent_as_it_is_even_when_it_is_no_jwt() -> None:
    source = TokenSource(ReadyToken(Secret("a.b.c.d.e")), clock=ManualClock())
    assert [source.token(), source.token()] == ["a.b.c.d.e"] * 2
