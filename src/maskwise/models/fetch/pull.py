"""Bring models into a store: over the network by their sha256, or from a file carried by hand.

Only ``maskwise models pull`` and callers of ``pull`` fetch anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from maskwise.errors import FetchError
from maskwise.models import beside, entries, licences, place
from maskwise.models.digests import sha256_of
from maskwise.models.entries import ModelEntry
from maskwise.models.fetch.by_hand import copied, copy, unpacked
from maskwise.models.fetch.over_http import Listener, Wanted, clear, fetch
from maskwise.models.fetch.wish import Pulled, Wish, members_of
from maskwise.models.lock import alone
from maskwise.models.writing import make_folder, not_written, put, require_space
from maskwise.paths import expanded

_HOW_TO_CARRY: Final = (
    "Elsewhere run `maskwise models pull {name} --to DIR`, carry DIR here, then "
    "`maskwise models pull {name} --from DIR` (or set MASKWISE_MODELS to it)"
)


def pull(
    name: str,
    listener: Listener,
    *,
    to: Path | None = None,
    url: str = "",
    source: Path | None = None,
    sha256: str = "",
    trust_first: bool = False,
) -> list[Pulled]:
    """Bring the models of ``name`` (a model, a pack, or ``PACK/MEMBER``) into the store.

    to: another folder than the store's. url: instead of the catalogue's mirrors; one that ends in
    a slash is a folder laid out as a store. source: a file (a model, or a zip) or a folder at hand
    instead of the network. sha256: of what comes, for what the catalogue knows none of.
    trust_first: take what comes for such, write its sha256 down, and hold it to that ever after.

    What is there and whole is left alone. A file gets its name when it is whole and checked.
    Raises LicenceError, FetchError, OutputError, and ConfigurationError for a name or options that
    cannot be.
    """
    models = members_of(name)
    for accept in sorted({model.accept for model in models} - {""}):
        licences.require(accept)
    wish = Wish(
        name=name,
        models=models,
        pack=entries.packs().get(models[0].pack),
        folder=expanded(to) if to is not None else place.folder(to_fill=True),
        url=url,
        source=expanded(source) if source is not None else None,
        sha256=sha256.lower(),
        trusting=trust_first,
        listener=listener,
    )
    if to is None and (making := place.yet_to_make()):
        listener.remark(making)
    waiting = f"another pull into {wish.folder} is under way; waiting for it"
    with alone(wish.folder, lambda: listener.remark(waiting)):
        return _all(wish)


def _all(wish: Wish) -> list[Pulled]:
    there = {}
    lacking = []
    for model in wish.models:
        path = wish.folder / model.file
        known = wish.expected(model)
        if _is_whole(path, known) and beside.changed(wish.folder, wish.pack) is None:
            there[model.name] = Pulled(model.name, path, "there already", known)
            continue
        if path.is_file():
            wish.listener.remark(f"{path} is not known to be what it should be: replacing it")
        twin = _twin(wish, model)
        if twin is None:
            lacking.append(model)
        else:
            there[model.name] = copy(wish, model, twin)
    if lacking:
        there |= _brought(wish, lacking)
    return [there[model.name] for model in wish.models]


def _is_whole(path: Path, sha256: str) -> bool:
    try:
        return bool(sha256) and path.is_file() and sha256_of(path) == sha256
    except OSError:
        return False


def _twin(wish: Wish, model: ModelEntry) -> Path | None:
    """The same file in the store under another name: several packs hold the same encoder."""
    same = [
        wish.folder / other.file
        for other in entries.catalogue().values()
        if other.sha256 == model.sha256 and other.name != model.name
    ]
    return next((path for path in same if _is_whole(path, model.sha256)), None)


def _brought(wish: Wish, models: list[ModelEntry]) -> dict[str, Pulled]:
    if wish.source is not None:
        return copied(wish, models, wish.source)
    place.require_network(wish.name, _HOW_TO_CARRY.format(name=wish.name))
    try:
        return _fetched(wish, models)
    except FetchError as error:
        raise FetchError(f"{error}. {_HOW_TO_CARRY.format(name=wish.name)}") from error


def _fetched(wish: Wish, models: list[ModelEntry]) -> dict[str, Pulled]:
    """Each by itself where it has an address (packs hold more), else out of the pack."""
    came: dict[str, Pulled] = {}
    for model in models if not wish.url_is_zip else []:
        urls = _own_addresses(wish, model)
        if not urls:
            continue
        try:
            came[model.name] = _fetch_alone(wish, model, urls)
        except FetchError as error:
            if wish.pack is None or wish.url:
                raise
            wish.listener.remark(f"{error}; taking it out of {wish.pack.file}")
    rest = [model for model in models if model.name not in came]
    return came | (_fetch_pack(wish, rest) if rest else {})


def _own_addresses(wish: Wish, model: ModelEntry) -> tuple[str, ...]:
    if not wish.url:
        return model.urls
    if wish.url.endswith("/"):  # a folder laid out as a store
        return (f"{wish.url}{model.file}",) if wish.expected(model) or not model.pack else ()
    return (wish.url,)


def _fetch_alone(wish: Wish, model: ModelEntry, urls: tuple[str, ...]) -> Pulled:
    known = wish.expected(model)
    if not known:
        wish.require_trust(model.name)
    path = wish.folder / model.file
    part = path.with_name(f"{path.name}.part")
    make_folder(path.parent)
    wanted = Wanted(model.name, urls, known, model.size, named=bool(wish.url))
    fetch(wanted, part, wish.listener)
    sha = sha256_of(part)
    wish.write_down(model, sha, part.stat().st_size)
    try:
        put(part, path)
    except OSError as error:
        raise not_written(path, error) from error
    clear(part)
    return Pulled(model.name, path, "fetched", sha)


def _fetch_pack(wish: Wish, models: list[ModelEntry]) -> dict[str, Pulled]:
    pack = wish.pack
    if pack is None:
        raise FetchError(f"{wish.url} is the address of a zip, and {wish.name} is in none")
    urls = pack.urls
    if wish.url:
        urls = (f"{wish.url}{pack.file}",) if wish.url.endswith("/") else (wish.url,)
    known = wish.expected(pack)
    if not known:
        wish.require_trust(pack.name)
    part = wish.folder / f"{pack.file}.part"
    begun = part.stat().st_size if part.is_file() else 0
    needed = pack.size - begun + sum(model.size for model in models)
    require_space(wish.folder, needed, f"{pack.file}, unpacked,")
    fetch(Wanted(pack.file, urls, known, pack.size, named=bool(wish.url)), part, wish.listener)
    came = unpacked(wish, part, models, "fetched")
    wish.write_down(pack, sha256_of(part), part.stat().st_size)
    clear(part)
    return came
