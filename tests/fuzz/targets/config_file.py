"""Configuration files: every option of every command from one."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import click

from exporter.errors import InputError
from jobs.cli import COMMANDS, cli
from jobs.support.command import JobCommand, known_option_names
from jobs.support.config_file import check_config, read_toml
from jobs.support.declare_option import Option, read_file_values
from tests.fuzz.promises import check_error
from tests.fuzz.target import Target
from tests.fuzz.workplace import workplace


class Config(NamedTuple):
    """What a file gives, or why it gives nothing: as a whole, and to each command."""

    problem: InputError | None
    values: list[dict[str, Any] | InputError]


@cache
def _options() -> list[list[Option]]:
    commands = [cli.get_command(click.Context(cli), name) for name in COMMANDS]
    return [list(command.options.values()) for command in commands if isinstance(command, JobCommand)]


def read(data: bytes) -> Config:
    """The names and values of the file, by every command's options."""
    options = _options()
    with workplace() as folder:
        (folder / "export.toml").write_bytes(data)
        try:
            config = read_toml("export.toml")
        except InputError as error:
            return Config(error, [])
        problem = None
        try:
            check_config("export.toml", config, known_option_names())
        except InputError as error:
            problem = error
        return Config(problem, [_values(own, config) for own in options])


def _values(options: list[Option], config: dict[str, Any]) -> dict[str, Any] | InputError:
    try:
        return read_file_values(options, config)
    except InputError as error:
        return error


def check(data: bytes, config: Config) -> None:
    """Errors are lines that name what is wrong."""
    for problem in (config.problem, *config.values):
        if isinstance(problem, InputError):
            check_error(problem)


TARGET = Target(
    read, check,
    words=(
        'out = "exports"\n', 'rate = ["60/1m", "1800/1h"]\n', 'rate = "off"\n', 'rate_share = "80%"\n', "keep = 14\n",
        'keep_days = 30\n', 'host = "platform.kore.ai"\n', 'client_secret = "x"\n', "verbose = 2\n", "quiet = true\n",
        'columns = ["name", "status"]\n', 'quiet_hours = "21:00-08:00"\n', 'max_body = "16MiB"\n',
        'page_size = "auto"\n', 'metrics_file = "m.prom"\n', "workers = 8\n", 'time_zone = "Europe/Oslo"\n',
        'format = "csv"\n', "[x]\n", "1979-05-27T07:32:00Z", "inf", "nan", "'''", "0b1", "{a = 1}",
    ),
)  # fmt: skip
