"""Every error that maskwise raises on purpose; the message names the thing and the remedy.

::

    MaskwiseError
    ├── InputError (ValueError)      what the caller handed in
    │   ├── ImageError               a picture that cannot be read, or is refused
    │   ├── NoFaceError              a picture without a face where one is needed
    │   ├── EvaluationError          scores that nothing can be said of, or a file of none
    │   └── AmbiguousFaceError       several faces where one is needed
    ├── ConfigurationError (ValueError)  an option, a name or a setting that cannot be
    ├── ModelError                   a weights file that is missing, damaged or unfit
    │   └── LicenceError             weights whose licence must be accepted first
    ├── OutputError (OSError)        a file or folder that cannot be written
    ├── FetchError (OSError)         what cannot be fetched: no network, or it came damaged
    └── GalleryError                 the store of enrolled people
        ├── GalleryFormatError       the file is no gallery, is damaged or too new
        ├── GalleryKeyError          it is encrypted, and the key is missing or another one
        ├── EncoderMismatchError     templates of another encoder
        ├── SubjectError (LookupError)   no such person, or a name taken already
        └── StorageError (OSError)   locked, full or not writable
"""

from __future__ import annotations


class MaskwiseError(Exception):
    """Root of the tree: catch this to catch everything maskwise raises on purpose."""


class InputError(MaskwiseError, ValueError):
    """An argument of the wrong shape, type or content; says what was expected and got."""


class ImageError(InputError):
    """A picture that is missing, unreadable, damaged, too large, or no picture at all."""


class NoFaceError(InputError):
    """No face was found where one is needed."""


class EvaluationError(InputError):
    """Scores that are no numbers, too few trials, or a score file that is damaged or too new."""


class AmbiguousFaceError(InputError):
    """Several faces compete where one person is meant."""


class ConfigurationError(MaskwiseError, ValueError):
    """An option, backend name or setting that does not exist or cannot hold."""


class ModelError(MaskwiseError):
    """A weights file is missing, damaged (its sha256 differs) or unfit for its use."""


class LicenceError(ModelError):
    """Weights whose licence must be accepted before they are used; says how."""


class OutputError(MaskwiseError, OSError):
    """A file or folder cannot be written: disk full, or no permission."""


class FetchError(MaskwiseError, OSError):
    """Data cannot be fetched: no network, a server that refuses, or another sha256."""


class GalleryError(MaskwiseError):
    """Something about the store of enrolled people."""


class GalleryFormatError(GalleryError):
    """The file is no gallery, is damaged, or was written by a newer version."""


class GalleryKeyError(GalleryError):
    """The gallery is encrypted and no key, or another one, was given; or it is in clear."""


class EncoderMismatchError(GalleryError):
    """The gallery holds templates of another encoder; they cannot be compared."""


class SubjectError(GalleryError, LookupError):
    """No person of that name, or the name is taken already."""


class StorageError(GalleryError, OSError):
    """The gallery cannot be written or read: locked, disk full, or no permission."""
