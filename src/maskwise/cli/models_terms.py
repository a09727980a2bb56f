"""Show the terms of a licence, and ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from maskwise.models.licences import Licence


def in_words(terms: Licence) -> str:
    """The terms for people, with where they stand in their authors' words."""
    sources = "\n".join(f"  {source}" for source in terms.sources)
    file = f" ({terms.file})" if terms.file else ""
    return (
        f"{terms.weights}{file}\n\n"
        f"{click.wrap_text(terms.terms, width=78)}\n\n"
        f"The terms in their authors' words:\n{sources}\n"
    )


def agreed(terms: Licence, otherwise: str) -> bool:
    """What the user answers; UsageError, which tells what does ``otherwise``, for no answer."""
    try:
        return click.confirm(f"Do you accept this for {terms.name}?", err=True)
    except click.Abort:
        click.echo(err=True)  # end the line of the question
        raise click.UsageError(f"not confirmed, nothing was accepted; {otherwise}") from None
