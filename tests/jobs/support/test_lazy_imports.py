"""`jobs.support.lazy_imports`: what a command does not need is not imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import CLIENT_ID, CLIENT_SECRET, STREAM_ID, Behaviour
from jobs.cli import COMMANDS
from jobs.support.lazy_imports import lazy_imports
from tests.support.running import ROOT, full, write_ids
from tests.support.serving import environment, serving
from tests.support.snapshots import ONE, RESPONSES, TWO, publish


def python(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], env=full(env), cwd=ROOT, capture_output=True, text=True)


def imported_by(code: str, *arguments: str, **env: str) -> set[str]:
    """The modules that some code imports, also by name: `-X importtime` does not see those."""
    tell = "import atexit, sys; atexit.register(lambda: print(*filter(sys.modules.get, sys.modules), file=sys.stderr))"
    done = python("-c", f"{tell}\n{code}", *arguments, **{**env, "COVERAGE_PROCESS_CONFIG": ""})  # it imports more
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


PROGRAM = "from jobs.cli import main; main()"


@pytest.mark.parametrize("command", ["pull", "snapshot"])
def test_fetching_imports_nothing_heavy_that_it_has_no_use_for(command: str, tmp_path: Path) -> None:
    behaviour = Behaviour(sample_campaigns(3))
    ids = str(write_ids(tmp_path / "ids.csv", behaviour.campaigns))
    options = ("--out", str(tmp_path / "out")) if command == "snapshot" else ()
    with serving(behaviour) as url:
        imported = imported_by(PROGRAM, command, ids, *options, **environment(url, tmp_path))
    assert "pyarrow" in imported
    assert not imported & {"numpy", "pandas", "prometheus_client"}


def test_help_imports_nothing_heavy() -> None:
    imported = imported_by(PROGRAM, "snapshot", "--help")
    assert "jobs.snapshot" in imported
    assert not imported & {"aiohttp", "numpy", "pandas", "pyarrow", "rich"}


def test_the_options_of_all_commands_need_nothing_heavy() -> None:
    imported = imported_by("from jobs.support.command import known_option_names as n; n()")
    assert {f"jobs.{name}" for name in COMMANDS} <= imported
    assert not imported & {"asyncio", "jinja2", "pandas", "pyarrow", "rich", "sqlite3", "ssl", "tempfile"}


@pytest.mark.parametrize("command", [("diff",), ("history",), ("report", "-o", "page.html")])
def test_what_reads_snapshots_needs_no_event_loop(command: tuple[str, ...], tmp_path: Path) -> None:
    for snapshot in (ONE, TWO):
        publish(tmp_path, snapshot, responses=RESPONSES[:2])
    options = [str(tmp_path / word) if word.endswith(".html") else word for word in command[1:]]
    imported = imported_by(PROGRAM, command[0], str(tmp_path), *options, HOME=str(tmp_path))
    assert "pyarrow" in imported
    assert not imported & {"asyncio", "pandas"}


@pytest.fixture
def private_key(tmp_path: Path) -> tuple[Path, str]:
    """The file of an RSA key, and the public half."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file = tmp_path / "key.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return file, public.decode()


@pytest.mark.parametrize("given", ["option", "variable", "config"])
def test_a_private_key_signs_however_it_is_given(given: str, tmp_path: Path, private_key: tuple[Path, str]) -> None:
    file, public = private_key
    behaviour = Behaviour(sample_campaigns(2), key=public, algorithms=("RS256",))
    with serving(behaviour) as url:
        env = environment(url, tmp_path)
        del env["KORE_CLIENT_SECRET"]
        options: tuple[str, ...] = ()
        if given == "option":
            options = ("--private-key-file", str(file), "--jwt-algorithm", "RS256")
        elif given == "variable":
            env |= {"KORE_PRIVATE_KEY_FILE": str(file), "KORE_JWT_ALGORITHM": "RS256"}
        else:
            config = tmp_path / "config.toml"
            config.write_text(f'private_key_file = "{file}"\njwt_algorithm = "RS256"\n', encoding="utf-8")
            env |= {"CAMPAIGN_EXPORT_CONFIG": str(config)}
        done = python("-m", "jobs", "pull", *behaviour.campaigns, "--format", "jsonl", *options, **env)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2), done.stderr


def test_a_private_key_signs_in_a_fleet_after_an_account_with_a_secret(
    tmp_path: Path, private_key: tuple[Path, str]
) -> None:
    file, public = private_key
    services = [
        Behaviour(sample_campaigns(2)),
        Behaviour(sample_campaigns(2), account_id="66f0a1b2c3d4e5f6a7b8c9d1", key=public, algorithms=("RS256",)),
    ]
    fleet = tmp_path / "fleet.toml"
    with serving(services[0]) as first, serving(services[1]) as second:
        fleet.write_text(
            f"""
out = "{tmp_path / "out"}"
[defaults]
stream_id = "{STREAM_ID}"
client_id = "{CLIENT_ID}"
ids = "{write_ids(tmp_path / "ids.csv", services[0].campaigns)}"
[[account]]
name = "secret"
host = "{first}"
account_id = "{services[0].account_id}"
client_secret_env = "HUSH"
[[account]]
name = "key"
host = "{second}"
account_id = "{services[1].account_id}"
private_key_file = "{file}"
jwt_algorithm = "RS256"
""",
            encoding="utf-8",
        )
        env = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "HUSH": CLIENT_SECRET}
        done = python("-m", "jobs", "fleet", str(fleet), "--parallel", "1", "--format", "json", **env)
    assert done.returncode == 0, done.stderr
    assert [row["ok"] for row in json.loads(done.stdout)] == [2, 2]


def test_a_name_is_imported_at_its_first_use_and_then_is_the_real_one(tmp_path: Path) -> None:
    (tmp_path / "declared.py").write_text(
        """
from jobs.support.lazy_imports import lazy_imports
with lazy_imports(__name__):
    import wave as waves
    from fractions import Fraction
    from colorsys import rgb_to_hsv as convert
"""
    )
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import declared
heavy = ("wave", "fractions", "colorsys")
print([name for name in heavy if name in sys.modules])
print(declared.convert(0, 0, 1)[2], isinstance(1, declared.Fraction), declared.waves.WAVE_FORMAT_PCM)
import wave, fractions, colorsys
print(declared.waves is wave, declared.Fraction is fractions.Fraction, declared.convert is colorsys.rgb_to_hsv)
"""
    done = python("-c", code)
    assert done.stdout.splitlines() == ["[]", "1 False 1", "True True True"], done.stderr


def test_imports_of_other_modules_are_not_made_lazy() -> None:
    """Another thread may import at the same time."""
    with lazy_imports("another.module"):
        from fractions import Fraction
    assert Fraction(1, 2) == 0.5
    assert isinstance(Fraction, type)


@pytest.mark.parametrize(("own", "pool"), [({}, "system"), ({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc")])
def test_pyarrow_uses_the_allocator_of_the_system_unless_its_own_variable_says_otherwise(
    own: dict[str, str], pool: str
) -> None:
    code = (
        "from jobs.cli import lighten_pyarrow; lighten_pyarrow(); "
        "import sys, pyarrow; print(pyarrow.default_memory_pool().backend_name, sys.modules['numpy'])"
    )
    done = python("-c", code, **own)
    assert done.stdout.split() == [pool, "None"], done.stderr
