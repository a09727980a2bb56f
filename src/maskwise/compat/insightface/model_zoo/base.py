"""What both kinds of models share: a file, the device it runs on, and insightface's names."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from maskwise import models
from maskwise.compat.insightface.devices import Wanted
from maskwise.errors import ConfigurationError
from maskwise.paths import expanded

if TYPE_CHECKING:
    import onnxruntime

    from maskwise.models import ModelFile


class OnnxModel:
    """A model of a pack. The file is checked and opened at the first use, not before.

    model_file: a path, or a model's name in the store. session: none is taken; the file is opened
    by maskwise, once a process. May be pickled: the file is opened again where it arrives.
    """

    def __init__(
        self, model_file: str, session: None = None, *, wanted: Wanted | None = None
    ) -> None:
        if session is not None:
            raise ConfigurationError("session: give the file alone; maskwise opens it itself")
        self.model_file = str(expanded(model_file))
        self._wanted = wanted or Wanted()
        self._ctx_id = 0

    @cached_property
    def _file(self) -> ModelFile:
        return models.resolve(self.model_file)

    def check(self) -> None:
        """Raise ModelError or LicenceError when the file may not be used; it is not opened."""
        _ = self._file

    def open(self) -> None:
        """Raise ModelError or ConfigurationError when the file cannot be opened there."""
        _ = self.session

    @property
    def _device(self) -> str | None:
        return self._wanted.device(self._ctx_id)

    @property
    def session(self) -> onnxruntime.InferenceSession:
        """ONNX Runtime's; shared by all that use this file on this device."""
        return models.open_file(self._file.path, device=self._device)

    @property
    def input_shape(self) -> list[Any]:
        """Of the file's input: names or numbers, (batch, channels, height, width)."""
        return list(self.session.get_inputs()[0].shape)

    @property
    def input_name(self) -> str:
        """Of the file's input."""
        return str(self.session.get_inputs()[0].name)

    @property
    def output_names(self) -> list[str]:
        """Of the file's outputs."""
        return [str(one.name) for one in self.session.get_outputs()]

    @property
    def output_shape(self) -> list[Any]:
        """Of the file's first output."""
        return list(self.session.get_outputs()[0].shape)
