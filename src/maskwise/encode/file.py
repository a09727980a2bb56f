"""Encoders that a user describes by a manifest: AdaFace, EdgeFace, one's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from maskwise.encode.manifest import SUFFIX, Manifest, read_manifest
from maskwise.encode.onnx_encoder import EncoderSpec, OnnxEncoder, plain
from maskwise.encode.weights import check_whole
from maskwise.errors import ConfigurationError, ModelError
from maskwise.paths import is_file

if TYPE_CHECKING:
    from maskwise.models import ModelFile


class FileEncoder(OnnxEncoder):
    """The Encoder of a manifest; see ``OnnxEncoder`` and ``maskwise.encode.manifest``.

    what: the manifest's path (``~`` is the home folder), or the name under which it was added to
    the store. ``space`` is what the manifest declares, else ``file/<12 hex digits>`` of the
    weights' sha256, and the output where one is named.
    """

    def __init__(
        self,
        what: str,
        *,
        threads: int | None = None,
        device: str | None = None,
    ) -> None:
        def describe() -> tuple[ModelFile, EncoderSpec]:
            manifest = read_manifest(manifest_path(what))
            file, spec = weights(manifest), manifest.spec
            if spec.space is None:
                parts = ["file", file.sha256[:12]]
                if spec.output is not None:
                    parts.append(plain(spec.output))
                spec = replace(spec, space="/".join(parts))
            return file, spec

        super().__init__(describe, threads=threads, device=device)


def manifest_path(what: str) -> Path:
    """The manifest that ``what`` means: the name of a model that was added, or a path.

    Raises as ``models.resolve``, and ConfigurationError for what is no manifest.
    """
    from maskwise import models

    file = models.resolve(what)
    if file.path.suffix.lower() != SUFFIX:
        other = f"{file.entry.backend}:" if file.entry is not None else "arcface:"
        raise ConfigurationError(
            f"{what} is no manifest (*{SUFFIX}), which file: reads; an ONNX file of insightface's "
            f"contract goes without one (--encoder {other}{what}), see docs/encoders.md"
        )
    return file.path


def weights(manifest: Manifest) -> ModelFile:
    """The checked file that ``manifest`` describes.

    Raises ConfigurationError when it is not there, ModelError when its sha256 is another one or
    when no file of that sha256 is here, LicenceError when a licence must be accepted first.
    """
    from maskwise import models
    from maskwise.models.store import by_sha256

    if manifest.file is None:
        entry = by_sha256(manifest.sha256 or "")
        if entry is None:
            raise ModelError(
                f"{manifest.path}: no model of sha256 {manifest.sha256} is known; name its file "
                "(file = ...)"
            )
        return models.resolve(entry.name)
    if not is_file(manifest.file):
        raise ConfigurationError(
            f"{manifest.path}: file {manifest.file.name!r}: there is no such file in "
            f"{manifest.file.parent}"
        )
    file = models.resolve(str(manifest.file.absolute()))  # a path, no name of the store
    if manifest.sha256 not in (None, file.sha256):
        raise ModelError(
            f"{manifest.file} has the sha256 {file.sha256}, and {manifest.path} says "
            f"{manifest.sha256}: it is another file, or damaged"
        )
    check_whole(file)
    return file
