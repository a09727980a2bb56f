"""``maskwise gallery index``: the search index that stands beside a large gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from maskwise.cli.gallery_show import when
from maskwise.cli.options import gallery_option, json_option, open_gallery
from maskwise.cli.output import Progress, print_json, printable
from maskwise.errors import ConfigurationError

if TYPE_CHECKING:
    from maskwise.gallery import Gallery
    from maskwise.gallery.index_care import IndexState, SearchIndex


@click.group(name="index")
def command() -> None:
    """Make, look at or drop the search index beside a large gallery.

    It is made when it is needed, and never the truth: dropping it loses nothing but time.

    \b
    Examples:
      maskwise gallery index status
      maskwise gallery index build --gallery staff.db
    """


@command.command()
@gallery_option
@json_option("one JSON object")
def status(gallery: str | None, as_json: bool) -> None:
    """Whether there is an index, and whether it holds.

    \b
    Example:
      maskwise gallery index status --json
    """
    with open_gallery(gallery) as store:
        _print(_of(store).state(), as_json)


@command.command()
@gallery_option
@json_option("one JSON object: what `status` prints afterwards")
def build(gallery: str | None, as_json: bool) -> None:
    """Make the index anew, however small the gallery is. Needs the extra faiss.

    \b
    Example:
      maskwise gallery index build
    """
    with open_gallery(gallery) as store:
        index = _of(store)
        with Progress("indexing", store.size().templates, unit="templates") as bar:
            index.build(bar.advance)
        _print(index.state(), as_json)


@command.command()
@gallery_option
@json_option("one JSON object")
def drop(gallery: str | None, as_json: bool) -> None:
    """Overwrite the index and delete it.

    \b
    Example:
      maskwise gallery index drop
    """
    with open_gallery(gallery) as store:
        index = _of(store)
        dropped = index.drop()
    if as_json:
        print_json({"gallery": store.where, "index": str(index.file), "dropped": dropped})
    else:
        click.echo(f"{printable(str(index.file))}: {'dropped' if dropped else 'there is none'}")


def index_recall(store: Gallery) -> float | None:
    """The share of people that its index finds; None where there is none."""
    index = store.search_index
    if index is None:
        return None
    with Progress("measuring the index", store.size().templates, unit="templates") as bar:
        recall = index.recall(step=bar.advance)
    return None if recall is None else recall.share


def low_recall(share: float) -> str:
    """What is said of an index that misses too many."""
    return (
        f"the search index finds {share:.1%} of those whom an exact search finds: make it anew "
        "with `maskwise gallery index build`; where that does not help, the templates of this "
        "encoder lie too close: search exactly, without the extra faiss"
    )


def _of(store: Gallery) -> SearchIndex:
    index = store.search_index
    if index is None and store.key is not None:
        raise ConfigurationError(
            f"{store.where} is encrypted, and an index would hold its templates in clear: it is "
            "searched in memory"
        )
    if index is None:
        raise ConfigurationError(
            f"{store.where} has no index beside it: its engine searches itself"
        )
    return index


def _print(state: IndexState, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "index": str(state.file),
                "state": state.state,
                "reason": state.reason,
                "templates": state.templates,
                "newer": state.newer,
                "erased": state.erased,
                "size_bytes": state.size_bytes,
                "written_at": state.written_at or None,
                "wanted_from": state.wanted_from,
            }
        )
        return
    lines = [("index", str(state.file)), ("state", state.state)]
    if state.state == "none":
        lines.append(("", f"one is made from {state.wanted_from:,} templates on"))
    elif state.state == "unfit":
        lines.append(("", f"{state.reason}: it is made anew when it is needed"))
    else:
        lines += [
            ("templates", f"{state.templates:,}, and {state.newer:,} newer ones beside it"),
            ("erased", f"{state.erased:,}"),
            ("size", f"{state.size_bytes:,} bytes"),
            ("made", when(state.written_at)),
        ]
    for name, value in lines:
        click.echo(f"{name:<9}  {printable(value)}".rstrip())
