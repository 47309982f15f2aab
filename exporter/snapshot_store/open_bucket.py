"""Which bucket a URL means, and how to reach it: by options in the URL, and by the variables that each store's
own tools share. A secret belongs in a variable: what is in a URL is seen in the list of processes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlencode, urlsplit, urlunsplit

import msgspec
import pyarrow.fs as pafs

from exporter.snapshot_store.credential_files import check_azure, check_google, server_of
from exporter.text import check_unquoted

SCHEMES = ("s3", "gs", "gcs", "abfs", "abfss")

ATTEMPTS = 5
CONNECT_TIMEOUT = 10.0
REQUEST_TIMEOUT = 60.0
"""Bounds of one request to S3; seconds."""

GOOGLE_RETRIES = timedelta(seconds=60)
"""How long one request to Google's store is tried again; its library would do so for 15 minutes."""

AZURE_HOST = ".core.windows.net"
_BLOB_ENDPOINT = "BlobEndpoint of AZURE_STORAGE_CONNECTION_STRING"

_VARIABLES = {
    "s": (
        "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    ),
    "g": ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"),
    "a": (
        "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH",
        "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST",
    ),
}  # fmt: skip
"""What each kind of store is reached by, keyed by how its schemes begin; a few of them only its library reads."""

_OPTIONS = ("endpoint_override", "scheme", "region")
"""What a URL may set behind its `?`."""

_NAME = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]*")
"""A bucket, container, storage account, region or domain."""


class StoreUrl(msgspec.Struct, frozen=True):
    """The parts of a store's URL. `path`: without a slash at either end."""

    scheme: str
    user: str
    password: str
    host: str
    path: str
    options: dict[str, str]

    @classmethod
    def parse(cls, url: str) -> StoreUrl:
        """Raises `ValueError` for what names no place, or not the one that its writer means."""
        parts = urlsplit(url.strip())
        if parts.scheme not in SCHEMES:
            raise ValueError(f"{parts.scheme}:// is not a kind of store known here; write s3://, gs:// or abfs://")
        if "#" in url:
            raise ValueError("a # would cut the prefix short: choose a prefix without one")
        authority = parts.netloc
        user_part, _, host = authority.rpartition("@")
        if ":" in authority and "@" not in authority and "@" in parts.path:
            # Only the first part of the secret would be taken for one, and the rest shown.
            raise ValueError("a / in the secret key must be written as %2F; better set it in the environment "
                             "(AWS_SECRET_ACCESS_KEY)")  # fmt: skip
        if host and not _NAME.fullmatch(host):
            raise ValueError(
                f"{host!r} is not the name of a bucket, container or account; a server with a port is named by "
                "?endpoint_override=HOST:PORT"
            )
        path = parts.path.removeprefix("/").rstrip("/")
        if path and any(part in ("", ".", "..") for part in path.split("/")):
            raise ValueError("its prefix has an empty part, a . or a .. between two slashes")
        user, _, password = user_part.partition(":")
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        return cls(parts.scheme, unquote(user), unquote(password), host, path, options)


class OpenedStore(NamedTuple):
    """`root`: bucket and prefix. `server`: whose bucket it is; empty for the one that all others mean by its name."""

    fs: pafs.FileSystem
    root: str
    server: str


def open_store(url: StoreUrl, environ: Mapping[str, str]) -> OpenedStore:
    """The file system of a URL. Raises `ValueError`, `OSError`, `pa.ArrowException`."""
    check_unquoted(environ, *_VARIABLES[url.scheme[0]])
    if url.scheme == "s3":
        return _open_s3(url, environ)
    return _open_google(url, environ) if url.scheme.startswith("g") else _open_azure(url, environ)


def without_secrets(url: str) -> str:
    """The URL as it may be shown; of one that is read wrongly only the scheme. A folder is shown as it is."""
    scheme, is_url, _ = url.strip().partition("://")
    if not is_url or scheme.lower() == "file":
        return url
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return f"{scheme}://…"
    if "@" in parts.path:  # a / in the secret key ends the authority there
        return f"{parts.scheme}://…"
    # Any other may hold a secret: it is refused by its name.
    query = [(name, value) for name, values in parse_qs(parts.query).items() if name in _OPTIONS for value in values]
    user, at, host = parts.netloc.rpartition("@")
    # In abfs://container@account the part before the @ is not a secret, but what follows a colon in it is.
    shown = f"{user.partition(':')[0]}@{host}" if at and parts.scheme.startswith("abfs") else host
    return urlunsplit((parts.scheme, shown, parts.path, urlencode(query), ""))


def _open_s3(url: StoreUrl, environ: Mapping[str, str]) -> OpenedStore:
    _check_options(url, *_OPTIONS)
    scheme, endpoint = _endpoint(url, environ, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    region = url.options.get("region") or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if region and not _NAME.fullmatch(region):
        raise ValueError(f"{region!r} is not a region; write one like eu-west-1")
    fs = pafs.S3FileSystem(
        **({"access_key": url.user, "secret_key": url.password} if url.user else {}),
        endpoint_override=endpoint,
        scheme=scheme or "https",
        region=region or ("us-east-1" if endpoint else None),
        allow_delayed_open=True,  # a small file is one request then, and not the three of an upload in parts
        connect_timeout=CONNECT_TIMEOUT,
        request_timeout=REQUEST_TIMEOUT,
        retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
    )
    return OpenedStore(fs, _root(url.host, url.path), url.options.get("endpoint_override", endpoint or ""))


def _open_google(url: StoreUrl, environ: Mapping[str, str]) -> OpenedStore:
    """Google's library finds credentials by itself (`GOOGLE_APPLICATION_CREDENTIALS`, or the machine's own)."""
    _check_options(url, "endpoint_override", "scheme")
    emulator = environ.get("STORAGE_EMULATOR_HOST")
    scheme, endpoint = _endpoint(url, environ, "STORAGE_EMULATOR_HOST")
    is_anonymous = url.user == "anonymous" or bool(emulator)
    if not is_anonymous:
        check_google(environ)
    fs = pafs.GcsFileSystem(
        anonymous=is_anonymous,
        endpoint_override=endpoint,
        scheme=scheme or ("http" if emulator else "https"),
        retry_time_limit=GOOGLE_RETRIES,
    )
    return OpenedStore(fs, _root(url.host, url.path), url.options.get("endpoint_override", endpoint or ""))


def _open_azure(url: StoreUrl, environ: Mapping[str, str]) -> OpenedStore:
    """`abfs://container@account.dfs.core.windows.net/prefix`, or `abfs://container/prefix` with the account named in
    a variable. Without key or token Azure's library looks for an identity (`AZURE_CLIENT_ID` …, or the machine's own).
    """
    _check_options(url, "endpoint_override", "scheme")
    connection = _connection(environ.get("AZURE_STORAGE_CONNECTION_STRING", ""))
    container, named_account, domain, path = _azure_place(url)
    account = named_account or connection.get("AccountName") or environ.get("AZURE_STORAGE_ACCOUNT", "")
    if not account:
        raise ValueError(
            "names no storage account: write abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/…, "
            "or set AZURE_STORAGE_ACCOUNT"
        )
    if not _NAME.fullmatch(account):
        raise ValueError(f"{account!r} is not the name of a storage account")
    key = url.password or environ.get("AZURE_STORAGE_KEY") or connection.get("AccountKey") or None
    token = environ.get("AZURE_STORAGE_SAS_TOKEN") or connection.get("SharedAccessSignature") or ""
    scheme, authority = _endpoint(url, {**environ, _BLOB_ENDPOINT: connection.get("BlobEndpoint", "")}, _BLOB_ENDPOINT)
    if not key and not token:
        check_azure(environ)
    # An emulator has the account in the path, and Azure's library puts it there by itself.
    suffix = "" if authority else _azure_suffix(domain, connection.get("EndpointSuffix", ""))
    blob = authority or f".blob{suffix}"
    fs = pafs.AzureFileSystem(
        account_name=account,
        account_key=key,
        # Azure's tools print it without the ?, and the library puts it after the URL as it is.
        sas_token=f"?{token.removeprefix('?')}" if token and not key else None,
        blob_storage_authority=blob,
        dfs_storage_authority=authority or f".dfs{suffix}",
        blob_storage_scheme=scheme or "https",
        dfs_storage_scheme=scheme or "https",
    )
    return OpenedStore(fs, _root(container, path), f"{account}/{blob}")


def _azure_place(url: StoreUrl) -> tuple[str, str, str, str]:
    """(container, account, domain, path)."""
    account, dot, domain = url.host.partition(".")
    if not dot:
        # abfs://account@container, as pyarrow writes it, or the container alone.
        return url.host, url.user, "", url.path
    if url.user:
        return url.user, account, domain, url.path
    container, _, path = url.path.partition("/")
    return container, account, domain, path


def _azure_suffix(domain: str, suffix: str) -> str:
    """What follows `.blob` and `.dfs` in the names of the servers."""
    if suffix and not _NAME.fullmatch(suffix):
        raise ValueError(f"AZURE_STORAGE_CONNECTION_STRING: {suffix!r} is not an EndpointSuffix")
    if domain:
        return f".{domain.partition('.')[2]}"
    return f".{suffix}" if suffix else AZURE_HOST


def _check_options(url: StoreUrl, *known: str) -> None:
    unknown = [name for name in url.options if name not in known]
    if unknown:
        raise ValueError(f"unknown options in the URL: {', '.join(unknown)}; known: {', '.join(known)}")


def _root(bucket: str, path: str) -> str:
    if not bucket:
        raise ValueError("names no bucket")
    return f"{bucket}/{path}".rstrip("/")


def _endpoint(url: StoreUrl, environ: Mapping[str, str], *variables: str) -> tuple[str | None, str | None]:
    """(scheme, host and port) of the server to ask, where the URL or a variable names one."""
    named = {
        "endpoint_override": url.options.get("endpoint_override"),
        **{name: environ.get(name) for name in variables},
    }
    name, endpoint = next(((name, value) for name, value in named.items() if value), ("", ""))
    scheme, authority = server_of(name, endpoint)
    return url.options.get("scheme") or scheme or None, authority or None


def _connection(text: str) -> dict[str, str]:
    """The parts of an Azure connection string."""
    return {name: value for name, is_set, value in (part.partition("=") for part in text.split(";")) if is_set}
