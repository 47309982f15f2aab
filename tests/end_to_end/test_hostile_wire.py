"""A server that keeps to no rule, and the real program before it: one run, an ID for each attack."""

from __future__ import annotations

import asyncio
import json
import zlib
from pathlib import Path

from tests.support.forked_program import run, snapshot
from tests.support.hostile import Asked, Reaction, campaign, hostile, http
from tests.support.running import rows_of, snapshot_folders, write_ids
from tests.support.serving import environment


def redirect(location: bytes) -> bytes:
    return b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"


def bomb(encoding: str, bits: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(256)) + packer.flush()
    return http(packed, f"Content-Encoding: {encoding}")


async def flood(asked: Asked, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 500)
        await writer.drain()


async def trailers_without_end(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
    while True:
        writer.write(b"X: " + b"y" * 1000 + b"\r\n")
        await writer.drain()


async def old_protocol(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + campaign(asked.campaign_id).encode())
    writer.close()


def attacks() -> dict[str, tuple[Reaction, str]]:
    """What is sent for each ID, and its outcome. Not a constant: to pack the bombs takes seconds."""
    return {
        "scheme-less redirect": (redirect(b"//evil.example/x"), "invalid"),
        "user redirect": (redirect(b"http://127.0.0.1@evil.example/"), "invalid"),
        "port redirect": (redirect(b"http://127.0.0.1:9/x"), "invalid"),
        "redirect of no text": (redirect(b"http://evil.example/\xff\x1b[2J"), "invalid"),
        "redirect to nowhere": (redirect(b"http://[::1"), "invalid"),
        "redirect loop": (redirect(b"?again"), "invalid"),
        "cookies": (http(campaign("cookies"), "Set-Cookie: sid=1"), "ok"),
        "large header": (http(campaign("large header"), "X-Big: " + "a" * 100_000), "failed"),
        "flood of 1xx": (flood, "failed"),
        "trailers": (trailers_without_end, "failed"),
        "HTTP 1.0": (old_protocol, "ok"),
        "length too long": (http(campaign("length too long"), length=10**6), "failed"),
        "length too short": (http(campaign("length too short"), length=5), "failed"),
        "length beyond": (http("{}", length=10**30), "failed"),
        "no such encoding": (http("x", "Content-Encoding: br"), "failed"),
        "bad gzip": (http("x", "Content-Encoding: gzip"), "failed"),
        "gzip bomb": (bomb("gzip", 31), "invalid"),
        "deflate bomb": (bomb("deflate", 15), "invalid"),
        "charset": (http(b'{"a":"\xff"}', "Content-Type: application/json; charset=punycode"), "invalid"),
        "odd type": (http(campaign("odd type"), 'Content-Type: \xff;charset="\xff\\'), "ok"),
        "status 999": (b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", "failed"),
        "no HTTP": (b"\x00\x01secret-echo\r\n\r\n", "failed"),
        "control": (http(json.dumps({"errors": [{"msg": "\x1b[2J\nline\u202e\u2028"}]}), status="400 Bad"), "invalid"),
    }  # fmt: skip


def test_each_attack_ends_in_its_outcome_and_every_other_campaign_is_there(tmp_path: Path) -> None:
    # A good one between two bad ones: three failures in a row would be an outage. Redirects come before any good one:
    # later they are asked again after a while, which needs no real time to be tested.
    reactions = attacks()
    redirects = [name for name in reactions if "redirect" in name]
    others = [name for name in reactions if name not in redirects]
    wanted = [*redirects, *(one for number, name in enumerate(others) for one in (f"good-{number}", name))]
    with hostile({name: reaction for name, (reaction, _) in reactions.items()}) as (service, url):
        options = ("--attempts", "1", "--workers", "1", "--timeout", "500ms", "--max-failures", "100%")
        done = snapshot(tmp_path, url, wanted, *options)
    assert done.returncode == 1, done.stderr
    (folder,) = snapshot_folders(tmp_path / "out")
    found = {row["campaign_id"]: "ok" for row in rows_of(folder)}
    failures = rows_of(folder, "failures")
    found |= {row["campaign_id"]: row["outcome"] for row in failures}
    assert {name: found[name] for name in reactions} == {name: outcome for name, (_, outcome) in reactions.items()}
    assert all(found[one] == "ok" for one in wanted if one.startswith("good-"))
    assert not any("cookie" in asked.headers for asked in service.asked)
    assert "\x1b" not in done.stderr
    # What a server sends is not quoted: it may be what it got.
    assert "secret-echo" not in done.stderr + json.dumps([row["error"] for row in failures])


def test_a_token_that_comes_back_is_in_no_file_and_no_line(tmp_path: Path) -> None:
    token = "no-jwt/at+all=="

    async def echo(asked: Asked, writer: asyncio.StreamWriter) -> None:
        name = asked.campaign_id
        told = asked.headers["auth"]
        replies = {
            "good": http(campaign(name, description=f"you are {told}")),
            "error": http(json.dumps({"errors": [{"msg": f"bad token {told}"}]}), status="400 Bad"),
            "html": http(f"<html>{told}</html>", status="500 Oops"),
            "redirect": redirect(f"http://evil.example/{told}".encode()),
            "junk": f"{told}\r\n\r\n".encode(),
        }
        writer.write(replies[name])
        await writer.drain()
        if name == "junk":
            writer.close()

    names = ["redirect", "good", "error", "html", "junk"]
    env = environment("", tmp_path)
    del env["KORE_CLIENT_SECRET"], env["KORE_CLIENT_ID"]
    ids = str(write_ids(tmp_path / "ids.csv", names))
    with hostile(dict.fromkeys(names, echo)) as (_, url):
        env |= {"KORE_HOST": url, "KORE_JWT": token}
        shown = ""
        for log_format in ("text", "json"):
            done = run(
                "snapshot", ids, "--out", str(tmp_path / "out"), "--rate", "off",
                "--attempts", "1", "--max-failures", "100%", "-vv", "--log-format", log_format, "--format", "both",
                "--metrics-file", str(tmp_path / "m.prom"), "--fresh", env=env,
            )  # fmt: skip
            assert done.returncode == 1, done.stderr
            shown += done.stderr + done.stdout
        pulled = run("pull", *names, "--rate", "off", "--attempts", "1", "--patience", "0s", "-vv", env=env)
        shown += pulled.stderr + pulled.stdout
    assert "at+all" not in shown
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any("journal-" in path.name for path in files)
    for path in files:
        assert b"at+all" not in path.read_bytes(), path
    assert all("at+all" not in row["body"] for row in rows_of(snapshot_folders(tmp_path / "out")[0], "responses"))
