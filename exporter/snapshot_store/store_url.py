"""Which bucket a URL means, and how to reach it: options stand in the URL, the rest in the variables that each store's
own tools share. A secret belongs in a variable: what stands in a URL is seen in the list of processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlencode, urlsplit, urlunsplit

import pyarrow.fs as pafs

SCHEMES = ("s3", "gs", "gcs", "abfs", "abfss")

ATTEMPTS = 5
CONNECT_TIMEOUT = 10.0
REQUEST_TIMEOUT = 60.0
"""Bounds of one request to S3; seconds."""

GOOGLE_RETRIES = timedelta(seconds=60)
"""How long one request to Google's store is tried again; its library would do so for 15 minutes."""

AZURE_HOST = ".core.windows.net"


def open_store(url: str, environ: Mapping[str, str]) -> tuple[pafs.FileSystem, str]:
    """The file system of a URL, and bucket and prefix in it. Raises `ValueError`, `OSError`, `pa.ArrowException`."""
    scheme = urlsplit(url).scheme
    if scheme not in SCHEMES:
        raise ValueError(f"{scheme}:// is no kind of store known here; write s3://, gs:// or abfs://")
    if scheme == "s3":
        return _open_s3(url, environ)
    return _open_google(url, environ) if scheme.startswith("g") else _open_azure(url, environ)


def without_secrets(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    query = [(name, value) for name, values in parse_qs(parts.query).items() for value in values
             if not any(word in name.lower() for word in ("key", "secret", "token", "sas", "sig"))]  # fmt: skip
    user, at, host = parts.netloc.rpartition("@")
    # In abfs://container@account the part before the @ is no secret, but what follows a colon in it is.
    shown = f"{user.partition(':')[0]}@{host}" if at and parts.scheme.startswith("abfs") else host
    return urlunsplit((parts.scheme, shown, parts.path, urlencode(query), ""))


def _open_s3(url: str, environ: Mapping[str, str]) -> tuple[pafs.FileSystem, str]:
    parts = urlsplit(url)
    options = _Options(url, "endpoint_override", "scheme", "region")
    scheme, endpoint = _endpoint(
        options.get("scheme"),
        options.get("endpoint_override") or environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL"),
    )
    region = options.get("region") or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    named_user = {"access_key": _text(parts.username), "secret_key": _text(parts.password)} if parts.username else {}
    fs = pafs.S3FileSystem(
        **named_user,
        endpoint_override=endpoint,
        scheme=scheme or "https",
        region=region or ("us-east-1" if endpoint else None),
        allow_delayed_open=True,  # a small file is one request then, and not the three of an upload in parts
        connect_timeout=CONNECT_TIMEOUT,
        request_timeout=REQUEST_TIMEOUT,
        retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
    )
    return fs, f"{parts.hostname or ''}{parts.path}".rstrip("/")


def _open_google(url: str, environ: Mapping[str, str]) -> tuple[pafs.FileSystem, str]:
    """Google's library finds credentials by itself (`GOOGLE_APPLICATION_CREDENTIALS`, or the machine's own)."""
    parts = urlsplit(url)
    options = _Options(url, "endpoint_override", "scheme")
    emulator = environ.get("STORAGE_EMULATOR_HOST")
    scheme, endpoint = _endpoint(options.get("scheme"), options.get("endpoint_override") or emulator)
    fs = pafs.GcsFileSystem(
        anonymous=parts.username == "anonymous" or bool(emulator),
        endpoint_override=endpoint,
        scheme=scheme or ("http" if emulator else "https"),
        retry_time_limit=GOOGLE_RETRIES,
    )
    return fs, f"{parts.hostname or ''}{parts.path}".rstrip("/")


def _open_azure(url: str, environ: Mapping[str, str]) -> tuple[pafs.FileSystem, str]:
    """`abfs://container@account.dfs.core.windows.net/prefix`, or `abfs://container/prefix` with the account named in
    a variable. Without key or token Azure's library looks for an identity (`AZURE_CLIENT_ID` …, or the machine's own).
    """
    parts = urlsplit(url)
    options = _Options(url, "endpoint_override", "scheme")
    said = _connection(environ.get("AZURE_STORAGE_CONNECTION_STRING", ""))
    container, path = _text(parts.username), parts.path
    host = parts.netloc.rpartition("@")[2]
    account, dot, domain = host.partition(".")
    if not dot:
        # abfs://account@container, as pyarrow writes it, or the container alone.
        container, account, domain = host, container, ""
    elif not container:
        container, _, path = path.lstrip("/").partition("/")
        path = f"/{path}"
    account = account or said.get("AccountName") or environ.get("AZURE_STORAGE_ACCOUNT", "")
    if not account:
        raise ValueError(
            "names no storage account: write abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/…, "
            "or set AZURE_STORAGE_ACCOUNT"
        )
    key = _text(parts.password) or environ.get("AZURE_STORAGE_KEY") or said.get("AccountKey") or None
    token = environ.get("AZURE_STORAGE_SAS_TOKEN") or said.get("SharedAccessSignature") or None
    endpoint = options.get("endpoint_override") or said.get("BlobEndpoint") or ""
    scheme, authority = _endpoint(options.get("scheme"), endpoint)
    if authority:
        # An emulator has the account in the path, and Azure's library puts it there by itself.
        blob = dfs = authority.partition("/")[0]
    else:
        suffix = said.get("EndpointSuffix", "")
        suffix = f".{domain.partition('.')[2]}" if domain else f".{suffix}" if suffix else AZURE_HOST
        blob, dfs = f".blob{suffix}", f".dfs{suffix}"
    fs = pafs.AzureFileSystem(
        account_name=account,
        account_key=key,
        sas_token=None if key else token,
        blob_storage_authority=blob,
        dfs_storage_authority=dfs,
        blob_storage_scheme=scheme or "https",
        dfs_storage_scheme=scheme or "https",
    )
    return fs, f"{container or ''}{path}".rstrip("/")


class _Options(dict[str, str]):
    """What stands after the `?` of a URL; an unknown name is a fault."""

    def __init__(self, url: str, *known: str) -> None:
        super().__init__({name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()})
        unknown = [name for name in self if name not in known]
        if unknown:
            raise ValueError(f"unknown options in the URL: {', '.join(unknown)}; known: {', '.join(known)}")


def _endpoint(scheme: str | None, endpoint: str | None) -> tuple[str | None, str | None]:
    """(scheme, host and port) of an endpoint that may be a URL itself."""
    if endpoint and "://" in endpoint:
        named = urlsplit(endpoint)
        return scheme or named.scheme, named.netloc
    return scheme, endpoint or None


def _connection(text: str) -> dict[str, str]:
    """The parts of an Azure connection string."""
    return {name: value for name, is_set, value in (part.partition("=") for part in text.split(";")) if is_set}


def _text(part: str | None) -> str:
    return unquote(part or "")
