"""The wire against curl and `requests`: what they get from odd but readable answers, we get, or we name the reason."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.forked_program import snapshot
from tests.support.hostile import Asked, Reaction, campaign, hostile
from tests.support.running import rows_of, snapshot_folders

CURL = shutil.which("curl")


def raw(name: str, *lines: str, body: bytes | None = None, status: str = "HTTP/1.1 200 OK", end: str = "\r\n") -> bytes:
    """An answer of exactly these lines; its length is given, unless a line speaks of the length or of chunks."""
    body = campaign(name).encode() if body is None else body
    told = any(line.lower().startswith(("content-length", "transfer-encoding", "connection: close")) for line in lines)
    head = [status, *lines, *(() if told else (f"Content-Length: {len(body)}",))]
    return end.join([*head, "", ""]).encode("latin-1") + body


def chunked(name: str, *, extension: str = "", trailer: str = "", upper: bool = False, end: str = "\r\n") -> bytes:
    text = campaign(name).encode()
    half = len(text) // 2
    pieces = [text[:half], text[half:]]
    lines = b"".join(f"{len(p):{'X' if upper else 'x'}}{extension}{end}".encode() + p + end.encode() for p in pieces)
    return raw(name, "Transfer-Encoding: chunked", body=lines + f"0{end}{trailer}{end}".encode())


def closing(answer: bytes) -> Reaction:
    async def act(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    return act


def slowly(answer: bytes) -> Reaction:
    """A few bytes at a time: no reader may take a packet for a line."""

    async def act(asked: Asked, writer: asyncio.StreamWriter) -> None:
        for index in range(0, len(answer), 7):
            writer.write(answer[index : index + 7])
            await writer.drain()
            await asyncio.sleep(0)

    return act


def packed(name: str, encoding: str, packed_body: bytes) -> bytes:
    return raw(name, f"Content-Encoding: {encoding}", body=packed_body)


def json_of(name: str) -> bytes:
    return campaign(name).encode()


def answers() -> Iterator[tuple[str, Reaction]]:
    yield "plain", raw("plain")
    yield "no-reason", raw("no-reason", status="HTTP/1.1 200")
    yield "odd-reason", raw("odd-reason", status="HTTP/1.1 200 S\xfcper, all \x80 well")
    yield "http-1.0", closing(raw("http-1.0", "Connection: close", status="HTTP/1.0 200 OK"))
    yield "until-close", closing(raw("until-close", "Connection: close"))
    yield "line-feeds", raw("line-feeds", end="\n")
    yield "early-hints", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + raw("early-hints")
    yield "continue", b"HTTP/1.1 100 Continue\r\n\r\n" + raw("continue")
    yield "two-equal-lengths", raw("two-equal-lengths", *[f"Content-Length: {len(json_of('two-equal-lengths'))}"] * 2)
    yield "length-list", raw("length-list", "Content-Length: {0}, {0}".format(len(json_of("length-list"))))
    yield "length-plus", raw("length-plus", f"Content-Length: +{len(json_of('length-plus'))}")
    yield "length-zeros", raw("length-zeros", f"Content-Length: 000{len(json_of('length-zeros'))}")
    yield "length-and-chunks", raw(
        "length-and-chunks", "Content-Length: 3", "Transfer-Encoding: chunked",
        body=b"%x\r\n" % len(json_of("length-and-chunks")) + json_of("length-and-chunks") + b"\r\n0\r\n\r\n",
    )  # fmt: skip
    yield "chunks", chunked("chunks")
    yield "chunk-extension", chunked("chunk-extension", extension=";name=value")
    yield "chunk-upper", chunked("chunk-upper", upper=True)
    yield "chunk-trailer", chunked("chunk-trailer", trailer="X-Sum: 1\r\n")
    yield "chunk-blank", chunked("chunk-blank", extension=" ")
    yield "chunked-capitals", raw(
        "chunked-capitals", "transfer-ENCODING: Chunked",
        body=b"%x\r\n" % len(json_of("chunked-capitals")) + json_of("chunked-capitals") + b"\r\n0\r\n\r\n",
    )  # fmt: skip
    yield "gzip", packed("gzip", "gzip", gzip.compress(json_of("gzip")))
    yield "gzip-capitals", packed("gzip-capitals", "GZIP", gzip.compress(json_of("gzip-capitals")))
    yield "x-gzip", packed("x-gzip", "x-gzip", gzip.compress(json_of("x-gzip")))
    two = json_of("gzip-members")
    yield "gzip-members", packed("gzip-members", "gzip", gzip.compress(two[:9]) + gzip.compress(two[9:]))
    yield "deflate", packed("deflate", "deflate", zlib.compress(json_of("deflate")))
    yield "deflate-raw", packed("deflate-raw", "deflate", zlib.compress(json_of("deflate-raw"))[2:-4])
    yield "identity", packed("identity", "identity", json_of("identity"))
    yield "encoding-none", packed("encoding-none", "none", json_of("encoding-none"))
    yield "encoding-utf-8", packed("encoding-utf-8", "UTF-8", json_of("encoding-utf-8"))
    yield "long-header", raw("long-header", "X-Policy: " + "p" * 60_000)
    yield "200-headers", raw("200-headers", *(f"X-Header-{number}: {number}" for number in range(200)))
    yield "1000-cookies", raw("1000-cookies", *(f"Set-Cookie: c{number}=1" for number in range(1000)))
    yield "header-latin-1", raw("header-latin-1", "X-Name: \xe9\xff")
    yield "header-empty", raw("header-empty", "X-Empty:")
    yield "header-no-blank", raw("header-no-blank", "X-Tight:1")
    yield "header-folded", raw("header-folded", "X-Folded: a\r\n b")
    yield "header-blank-name", raw("header-blank-name", "X-Odd : 1")
    yield "header-no-colon", raw("header-no-colon", "this is not a header")
    yield "header-bad-name", raw("header-bad-name", "X(Odd): 1")
    yield "header-twice", raw("header-twice", "Date: x", "Date: y", "Server: a", "Server: b")
    yield "type-text", raw("type-text", "Content-Type: text/plain; charset=us-ascii")
    yield "type-html", raw("type-html", "Content-Type: text/html")
    yield "bom", raw("bom", body=b"\xef\xbb\xbf" + json_of("bom"))
    yield "utf-16", raw("utf-16", body=campaign("utf-16").encode("utf-16"))
    yield "blank-before", raw("blank-before", body=b"\r\n \t" + json_of("blank-before") + b"\r\n\r\n")
    yield "slowly", slowly(raw("slowly", "X-A: b"))
    yield "keep-alive", raw("keep-alive", "Connection: Keep-Alive", "Keep-Alive: timeout=1, max=1")
    yield "upgrade", raw("upgrade", "Upgrade: h2,h2c", "Connection: Upgrade")
    yield "alt-svc", raw("alt-svc", 'Alt-Svc: h3=":443"; ma=3600')


ANSWERS = dict(answers())

REFUSED = {
    "two-equal-lengths": "not valid HTTP: Duplicate Content-Length",
    "length-list": "not valid HTTP: Invalid character in Content-Length",
    "length-plus": "not valid HTTP: Invalid character in Content-Length",
    "length-and-chunks": "not valid HTTP: Transfer-Encoding can't be present with Content-Length",
    "header-blank-name": "not valid HTTP",
    "header-bad-name": "not valid HTTP",
}
"""What curl or requests reads and we do not, and the reason in the failure: the parser, llhttp, refuses what could be
used to smuggle a second answer into a connection."""


def by_requests(url: str) -> bytes | None:
    try:
        with requests.Session() as session:
            response = session.get(url, timeout=5, headers={"Accept-Encoding": "gzip, deflate"})
            response.json()
            return response.content
    except (requests.RequestException, ValueError):
        return None


def by_curl(url: str) -> bytes | None:
    assert CURL is not None
    done = subprocess.run([CURL, "-s", "--compressed", "-m", "5", url], capture_output=True, check=False, timeout=20)
    return done.stdout if done.returncode == 0 else None


def is_good(body: bytes | None, name: str) -> bool:
    try:
        return json.loads(body or b"")["data"]["_id"] == name
    except (ValueError, KeyError, TypeError):
        return False


@pytest.mark.slow
def test_what_curl_and_requests_get_we_get_or_the_reason_is_named(tmp_path: Path) -> None:
    with hostile(ANSWERS) as (_, url):
        others: dict[str, set[str]] = {name: set() for name in ANSWERS}
        for name in ANSWERS:
            where = f"{url}/campaign/api/v2/public/st/campaign/{name}"
            if is_good(by_requests(where), name):
                others[name].add("requests")
            if CURL is not None and is_good(by_curl(where), name):
                others[name].add("curl")
        wanted = [one for number, name in enumerate(ANSWERS) for one in (f"good-{number}", name)]
        options = ("--attempts", "1", "--workers", "1", "--timeout", "3s", "--max-failures", "100%")
        done = snapshot(tmp_path, url, wanted, *options)
    assert done.returncode in (0, 1), done.stderr
    (folder,) = snapshot_folders(tmp_path / "out")
    ours = {row["campaign_id"] for row in rows_of(folder)}
    reasons = {row["campaign_id"]: row["error"] for row in rows_of(folder, "failures")}
    assert not [name for name in wanted if name.startswith("good-") and name not in ours]
    behind = {name: reasons[name] for name in ANSWERS if others[name] and name not in ours}
    assert behind.keys() <= REFUSED.keys(), (behind, others)
    assert not [name for name, reason in behind.items() if REFUSED[name] not in reason], behind
    assert {"plain", "x-gzip", "gzip-members", "long-header", "1000-cookies", "utf-16", "bom", "line-feeds"} <= ours
