"""Does `pdl.errors` do what its page says, on good input and on bad?"""

import inspect

import pytest

from pdl import errors


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.ConfigError, ValueError),
        (errors.ShapeError, ValueError),
        (errors.DeviceError, RuntimeError),
        (errors.DataError, ValueError),
        (errors.DownloadError, errors.DataError),
        (errors.ArchiveError, errors.DataError),
        (errors.TrainingError, RuntimeError),
        (errors.CheckpointError, RuntimeError),
    ],
)
def test_each_error_is_ours_and_the_builtin_one_expects(kind, builtin):
    assert issubclass(kind, errors.PdlError)
    assert issubclass(kind, builtin)


def test_every_error_stands_in_the_tree_of_the_module_docstring():
    for name, member in inspect.getmembers(errors, inspect.isclass):
        assert name in errors.__doc__, name
        assert member.__doc__


def test_warnings_are_no_errors():
    assert issubclass(errors.PdlWarning, UserWarning)
    assert not issubclass(errors.PdlWarning, errors.PdlError)
