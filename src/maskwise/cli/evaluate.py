"""``maskwise evaluate``: how well faces are recognised, with and without masks."""

from __future__ import annotations

import click

from maskwise.cli import evaluate_report


@click.group(name="evaluate")
def command() -> None:
    """Error rates: how often strangers pass, and how often people are not recognised.

    \b
    Examples:
      maskwise evaluate report scores.npz --out report/
    """


command.add_command(evaluate_report.command)
