"""Which mistakes can happen, and what is each one called?

Every exception of this library is a `PdlError`; each is also the built-in error a reader would
expect, so ``except ValueError`` keeps working::

    PdlError
      ConfigError      (ValueError)    a setting, or a combination of settings, is not valid
      ShapeError       (ValueError)    a tensor does not have the promised shape
      DeviceError      (RuntimeError)  a device is missing, unknown, or out of memory
      DataError        (ValueError)    data is missing, damaged or does not fit the model
        DownloadError                  data could not be fetched, or is not what was expected
        ArchiveError                   an archive is damaged or unsafe to unpack
      TrainingError    (RuntimeError)  training can not go on: the loss is not a number, say
      CheckpointError  (RuntimeError)  a file of weights or state is damaged or does not fit
    PdlWarning         (UserWarning)   the run goes on, with less than was promised
"""

from typing import ClassVar


class PdlError(Exception):
    """Base class, so that ``except PdlError`` catches everything this library raises.

    Attributes:
        exit_code: What a program that ends with this error says to the shell.

    Example:
        >>> try:
        ...     raise CheckpointError("last.safetensors is damaged.")
        ... except PdlError as error:
        ...     print(error)
        last.safetensors is damaged.
    """

    exit_code: ClassVar[int] = 1

    @property
    def line(self) -> str:
        """The message as a program says it, on one line."""
        return f"error: {' '.join(str(self).split())}"


class ConfigError(PdlError, ValueError):
    """A setting, or a combination of settings, is not valid."""

    exit_code = 2


class ShapeError(PdlError, ValueError):
    """A tensor does not have the shape that the function promises to accept."""

    exit_code = 3


class DeviceError(PdlError, RuntimeError):
    """A device is unknown, is not present on this machine, or ran out of memory."""

    exit_code = 2


class DataError(PdlError, ValueError):
    """Data is missing, damaged, or does not fit the model."""

    exit_code = 3


class DownloadError(DataError):
    """Data could not be fetched, or what arrived is not what was expected."""


class ArchiveError(DataError):
    """An archive is damaged, or unsafe to unpack."""


class TrainingError(PdlError, RuntimeError):
    """Training can not go on, for example because the loss is not a number."""

    exit_code = 5


class CheckpointError(PdlError, RuntimeError):
    """A file of weights or training state can not be written, is damaged, or does not fit."""

    exit_code = 4


class PdlWarning(UserWarning):
    """The run goes on, but with less than was promised."""
