"""What does the library of the book offer? The names below, each loaded when first used."""

import sys
from importlib import import_module
from types import ModuleType

from pdl._version import __version__

_EXPORTS: dict[str, str] = {
    "History": "pdl.engine",
    "accuracy": "pdl.metrics",
    "accuracy_fn": "pdl.metrics",
    "adamw": "pdl.optim",
    "choose_device": "pdl.device",
    "info": "pdl.info",
    "load_checkpoint": "pdl.checkpoint",
    "load_model": "pdl.checkpoint",
    "make_generator": "pdl.seed",
    "plot_loss_curves": "pdl.plotting",
    "plot_predictions": "pdl.plotting",
    "save_checkpoint": "pdl.checkpoint",
    "save_model": "pdl.checkpoint",
    "set_seeds": "pdl.seed",
    "test_step": "pdl.engine",
    "train": "pdl.engine",
    "train_step": "pdl.engine",
    "use_style": "pdl.plotting",
    "warmup_cosine": "pdl.optim",
}

__all__ = [
    "History",
    "__version__",
    "accuracy",
    "accuracy_fn",
    "adamw",
    "choose_device",
    "info",
    "load_checkpoint",
    "load_model",
    "make_generator",
    "plot_loss_curves",
    "plot_predictions",
    "save_checkpoint",
    "save_model",
    "set_seeds",
    "test_step",
    "train",
    "train_step",
    "use_style",
    "warmup_cosine",
]


def __getattr__(name: str) -> object:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'pdl' has no attribute {name!r}")
    value = getattr(import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_EXPORTS})


class _Package(ModuleType):
    """The package itself; it keeps the function ``pdl.info`` when the module of that name loads."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _EXPORTS and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
