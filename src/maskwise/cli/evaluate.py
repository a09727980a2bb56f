"""``maskwise evaluate``: how well faces are recognised, with and without masks."""

from __future__ import annotations

import click

from maskwise.cli import (
    evaluate_cache,
    evaluate_detection,
    evaluate_folder,
    evaluate_identification,
    evaluate_landmarks,
    evaluate_report,
    evaluate_verification,
)


@click.group(name="evaluate")
def command() -> None:
    """Error rates: how often strangers pass, and how often people are not recognised.

    \b
    Examples:
      maskwise evaluate folder photos/
      maskwise evaluate report scores.npz --out report/
    """


for _one in (
    evaluate_folder,
    evaluate_verification,
    evaluate_identification,
    evaluate_detection,
    evaluate_landmarks,
    evaluate_report,
    evaluate_cache,
):
    command.add_command(_one.command)
