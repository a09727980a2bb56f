"""Models from a file or a folder that was carried here by hand."""

from __future__ import annotations

from pathlib import Path

from maskwise.errors import ConfigurationError, FetchError, MaskwiseError
from maskwise.models import beside, trust
from maskwise.models.digests import sha256_of
from maskwise.models.entries import ModelEntry, Pack
from maskwise.models.fetch.at_hand import file_in, model_in
from maskwise.models.fetch.packs import is_zip, take, unpack, write_checked
from maskwise.models.fetch.wish import How, Pulled, Wish
from maskwise.models.writing import require_space


def copied(wish: Wish, models: list[ModelEntry], source: Path) -> dict[str, Pulled]:
    """Copy ``models`` into the store, out of a zip where need be; what is at hand is left as it is.

    source: a model's file, a zip, or a folder with either, laid out as a store or flat; files of
    other names are told by their sha256.
    Raises FetchError when one of them is not there, or is another file, OutputError when it cannot
    be written.
    """
    try:
        source.stat()
    except OSError as error:
        gone = isinstance(error, FileNotFoundError | NotADirectoryError)
        why = "there is no such file or folder" if gone else error.strerror or error
        raise ConfigurationError(f"--from {source}: {why}") from error
    came: dict[str, Pulled] = {}
    if wish.pack is not None and source.is_dir():
        _copy_beside(wish, wish.pack, source)
    for model in models:
        path = _at_hand(wish, source, model)
        if path is not None:
            came[model.name] = copy(wish, model, path)
    rest = [model for model in models if model.name not in came]
    if not rest:
        return came
    archive = _archive(wish, source)
    if archive is None:
        looked = ", ".join(Path(model.file).name for model in rest)
        raise FetchError(
            f"{source}: there is no {looked} to take {wish.name} from, under that name or another"
        )
    _require_known(wish, archive, rest)
    require_space(wish.folder, sum(model.size for model in rest), wish.name)
    return came | unpacked(wish, archive, rest, "copied")


def _copy_beside(wish: Wish, pack: Pack, source: Path) -> None:
    for name in pack.beside:
        key = beside.key(pack, name)
        path = source / key
        if path.is_file() and path.stat().st_size <= beside.MOST:
            taken = _copy(path, wish.folder / key, "", path.stat().st_size)
            trust.record(wish.folder, key, *taken, str(path))


def _copy(source: Path, path: Path, sha256: str, size: int) -> tuple[str, int]:
    try:
        with source.open("rb") as stream:
            return write_checked(stream, path, sha256, size, str(source))
    except MaskwiseError:
        raise
    except OSError as error:
        raise FetchError(f"{source} cannot be read ({error.strerror or error})") from error


def unpacked(wish: Wish, source: Path, models: list[ModelEntry], how: How) -> dict[str, Pulled]:
    """The models of a zip, in their places; before them what must lie beside them."""
    if wish.pack is not None:
        for name in wish.pack.beside:
            key = beside.key(wish.pack, name)
            taken = take(source, name, wish.folder / key, beside.MOST)
            if taken is not None:
                trust.record(wish.folder, key, *taken, str(source))
    written = unpack(source, [(model, wish.recorded(model)) for model in models], wish.folder)
    for model in models:
        wish.write_down(model, *written[model.name])
    return {
        model.name: Pulled(model.name, wish.folder / model.file, how, written[model.name][0])
        for model in models
    }


def _at_hand(wish: Wish, source: Path, model: ModelEntry) -> Path | None:
    """The model's file in ``source``, or ``source`` itself; None for a zip, and where it is not."""
    if source.is_file():
        return None if is_zip(source) else source
    return model_in(source, model, wish.expected(model))


def _archive(wish: Wish, source: Path) -> Path | None:
    if wish.pack is None:
        return None
    path = source if source.is_file() else source / wish.pack.file
    if is_zip(path) or source.is_file():
        return path if is_zip(path) else None
    return file_in(source, wish.pack.size, wish.pack.sha256)


def _require_known(wish: Wish, archive: Path, models: list[ModelEntry]) -> None:
    """The sha256 of each model will do, whoever packed the zip; else that of the zip."""
    if wish.pack is None or all(wish.recorded(model) for model in models):
        return
    known = wish.expected(wish.pack)
    if not known:
        wish.require_trust(wish.pack.name)
    elif sha256_of(archive) != known:
        raise FetchError(
            f"{archive} is another file than {wish.pack.file}: its sha256 is "
            f"{sha256_of(archive)[:12]}..., expected {known[:12]}..."
        )
    else:
        return
    wish.write_down(wish.pack, sha256_of(archive), archive.stat().st_size)


def copy(wish: Wish, model: ModelEntry, source: Path) -> Pulled:
    """One file that is at hand; raises as ``copied``."""
    path = wish.folder / model.file
    known = wish.expected(model)
    if not known:
        wish.require_trust(model.name)
    require_space(wish.folder, model.size, model.name)
    sha, size = _copy(source, path, known, model.size)
    wish.write_down(model, sha, size)
    return Pulled(model.name, path, "copied", sha)
