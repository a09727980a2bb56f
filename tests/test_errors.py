from __future__ import annotations

import inspect
import pickle

import pytest

from maskwise import errors
from maskwise.errors import MaskwiseError

ALL = [cls for _, cls in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("error", ALL, ids=lambda cls: cls.__name__)
def test_every_error_is_of_the_one_tree_and_keeps_its_message(error: type[Exception]) -> None:
    assert issubclass(error, MaskwiseError)
    made = error("the thing and the remedy")
    assert str(made) == "the thing and the remedy"
    again = pickle.loads(pickle.dumps(made))
    assert (type(again), str(again)) == (error, str(made))


def test_the_docstring_draws_the_tree_as_it_is() -> None:
    drawn = errors.__doc__ or ""
    for error in ALL:
        (line,) = (
            x for x in drawn.splitlines() if x.strip(" │├└─").split(" ")[0] == error.__name__
        )
        depth = len(error.__mro__[: error.__mro__.index(MaskwiseError)])
        assert line.index(error.__name__) == 4 + 4 * depth, line
        for builtin in (ValueError, LookupError, OSError):
            is_new = issubclass(error, builtin) and not any(
                issubclass(base, builtin) for base in error.__bases__ if base is not builtin
            )
            assert (f"({builtin.__name__})" in line) == is_new, line


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.ImageError, ValueError),
        (errors.ConfigurationError, ValueError),
        (errors.SubjectError, LookupError),
        (errors.StorageError, OSError),
    ],
)
def test_callers_may_catch_the_builtin_kind(
    error: type[Exception], builtin: type[Exception]
) -> None:
    assert issubclass(error, builtin)
