"""docs/cli.md names every command and option, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from maskwise.cli import main
from maskwise.testing.command_line import every_command

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def sections() -> dict[str, str]:
    """Command -> its text; what stands before the first is that of "maskwise"."""
    if not PAGE.exists():
        pytest.skip("needs docs/cli.md, which only a checkout holds")
    parts = re.split(r"^## (maskwise .*)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return {"maskwise": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def options(command: click.Command) -> set[str]:
    parameters = [p for p in command.params if isinstance(p, click.Option)]
    return {o for p in parameters for o in p.opts if o.startswith("--")}


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert set(sections()) == {"maskwise", *(f"maskwise {name}" for name, _ in every_command(main))}


@pytest.mark.parametrize(
    ("name", "command"), every_command(main), ids=[n for n, _ in every_command(main)]
)
def test_a_section_names_every_option_and_no_other(name: str, command: click.Command) -> None:
    text = sections()[f"maskwise {name}"]
    told = set(re.findall(r"`(--[a-z0-9-]+)", text)) - {"--help"}
    own = options(command)
    if isinstance(command, click.Group):
        subs = [sub for _, sub in every_command(command) if not isinstance(sub, click.Group)]
        own |= set.intersection(*map(options, subs))
    assert told == own


@pytest.mark.parametrize(
    ("name", "command"), every_command(main), ids=[n for n, _ in every_command(main)]
)
def test_every_option_has_help(name: str, command: click.Command) -> None:
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts}"


def test_exit_codes_and_variables_are_documented() -> None:
    text = sections()["maskwise"]
    for code in ("0", "1", "2", "3", "130"):
        assert f"| {code} |" in text
    for name in ("MASKWISE_GALLERY", "MASKWISE_DEBUG", "MASKWISE_ACCEPT_LICENCES"):
        assert name in text
