"""What did each run do, and how do runs compare?

A tracker takes the settings of a run once and its measurements after every epoch. One of them, a
file of JSON lines, is always written: it needs no program to read. TensorBoard and MLflow are
added when they are installed and asked for; both write into local folders.
"""

import json
import logging
import math
import time
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

from pdl.boards import MlflowTracker, TensorBoardTracker, summary_writer
from pdl.errors import ConfigError, DataError, PdlWarning
from pdl.files import check_writable, write_atomic

if TYPE_CHECKING:
    import torch.utils.tensorboard

logger = logging.getLogger(__name__)

METRICS_FILE, PARAMS_FILE = "metrics.jsonl", "params.json"

Kind: TypeAlias = Literal["tensorboard", "mlflow"]


@runtime_checkable
class Tracker(Protocol):
    """What every tracker can do."""

    def log_params(self, params: Mapping[str, object]) -> None:
        """Note the settings of the run.

        Args:
            params: Values by name.
        """

    def log_metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """Note what was measured.

        Args:
            values: Numbers by name, such as ``train_loss``; an epoch's row of a `History`.
            step: Number of the epoch, from 1.
        """

    def close(self) -> None:
        """Finish the run: nothing is lost after this."""


class Run(NamedTuple):
    """A run as it was noted: where, with which settings, with which result."""

    folder: Path
    params: dict[str, Any]
    history: dict[str, list[float]]


class JsonlTracker:
    """Writes ``params.json`` and ``metrics.jsonl``, one line an epoch, into the run's folder.

    Every line is on disk when `log_metrics` returns, so a killed run has all its epochs. A resumed
    run appends; a step that was noted twice counts as it was noted last.

    Args:
        folder: The run's folder, made if missing.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tracker = JsonlTracker(folder)
        ...     tracker.log_params({"lr": 0.1})
        ...     tracker.log_metrics({"train_loss": 0.5}, step=1)
        ...     read_run(folder).history
        {'train_loss': [0.5]}
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        check_writable(self.folder)

    def log_params(self, params: Mapping[str, object]) -> None:
        """Note the settings of the run; what is no JSON is noted as text.

        Args:
            params: Values by name.
        """
        text = json.dumps(dict(params), indent=2, default=str, ensure_ascii=False)
        try:
            write_atomic(self.folder / PARAMS_FILE, text.encode())
        except OSError as error:
            _warn(self.folder / PARAMS_FILE, error)

    def log_metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """Append a line.

        Args:
            values: Numbers by name. NaN and infinity, which JSON does not have, become ``null``.
            step: Number of the epoch, from 1.
        """
        numbers = {name: float(value) for name, value in values.items()}
        row = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        line = json.dumps({"step": step, "time": round(time.time(), 3), **row})
        path = self.folder / METRICS_FILE
        try:
            with path.open("ab+") as file:
                file.seek(max(file.tell() - 1, 0))
                torn = file.read() not in {b"", b"\n"}  # by a run that was killed in a line
                file.write(b"\n" * torn + line.encode() + b"\n")
        except OSError as error:
            _warn(path, error)

    def close(self) -> None:
        """Nothing is left to do."""


class Trackers:
    """Several trackers as one.

    Args:
        trackers: Those that everything is passed on to, in order.
    """

    def __init__(self, trackers: Iterable[Tracker]) -> None:
        self.trackers = tuple(trackers)

    def log_params(self, params: Mapping[str, object]) -> None:
        """Note the settings of the run.

        Args:
            params: Values by name.
        """
        for tracker in self.trackers:
            tracker.log_params(params)

    def log_metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """Note what was measured.

        Args:
            values: Numbers by name.
            step: Number of the epoch, from 1.
        """
        for tracker in self.trackers:
            tracker.log_metrics(values, step=step)

    def close(self) -> None:
        """Finish the run everywhere."""
        for tracker in self.trackers:
            tracker.close()


def create_tracker(folder: str | Path, *, kinds: Iterable[Kind] = ()) -> Trackers:
    """A tracker for a run: JSON lines always, others on top.

    Args:
        folder: The run's folder. MLflow's store lies beside it, in ``mlruns``; there the run has
            the name of its folder, in an experiment with the name of the folder above.
        kinds: Any of ``"tensorboard"`` and ``"mlflow"``.

    Returns:
        One tracker for all.

    Raises:
        ConfigError: If the folder can not be written, a kind is unknown, or not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tracker = create_tracker(Path(folder, "a"), kinds=["tensorboard"])
        ...     [type(part).__name__ for part in tracker.trackers]
        ...     tracker.close()
        ['JsonlTracker', 'TensorBoardTracker']
    """
    folder = Path(folder).absolute()
    trackers: list[Tracker] = [JsonlTracker(folder)]
    for kind in kinds:
        if kind == "tensorboard":
            trackers.append(TensorBoardTracker(folder))
        elif kind == "mlflow":
            store, names = folder.parent / "mlruns", {"experiment": folder.parent.name or "pdl"}
            trackers.append(MlflowTracker(store, run_name=folder.name, **names))
        else:
            raise ConfigError(
                f'kinds must be "tensorboard" or "mlflow", got {kind!r}. JSON lines are always '
                "written and need no name."
            )
    return Trackers(trackers)


def create_writer(
    experiment_name: str, model_name: str, extra: str | None = None, *, root: str | Path = "runs"
) -> "torch.utils.tensorboard.SummaryWriter":
    """A writer of TensorBoard's, in a folder that says when, what and with which model.

    Args:
        experiment_name: What is being tried, such as ``"data_10_percent"``.
        model_name: Name of the model.
        extra: Anything else that tells runs apart, such as ``"5_epochs"``.
        root: Folder of all runs.

    Returns:
        A writer into ``root/YYYY-MM-DD/experiment_name/model_name/extra``.

    Raises:
        ConfigError: If a name is no name of a single folder, or TensorBoard is not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as root:
        ...     writer = create_writer("data_10_percent", "tiny_vgg", "5_epochs", root=root)
        ...     writer.close()
        ...     Path(writer.log_dir).parts[-3:]
        ('data_10_percent', 'tiny_vgg', '5_epochs')
    """
    parts = [experiment_name, model_name] if extra is None else [experiment_name, model_name, extra]
    for part in parts:
        if part in {"", ".", ".."} or any(sign in part for sign in "/\\\0"):
            raise ConfigError(
                f"names must be fit for a folder, got {part!r}. Use letters, digits, - and _."
            )
    folder = Path(root, datetime.now().astimezone().strftime("%Y-%m-%d"), *parts)
    logger.info("TensorBoard reads this run from %s", folder)
    return summary_writer(folder)


def read_run(folder: str | Path) -> Run:
    """What a `JsonlTracker` noted about a run.

    Args:
        folder: The run's folder.

    Returns:
        Settings and history; `pdl.plotting.plot_loss_curves` takes the history. A value that was
        not a finite number comes back as NaN. A last line that a killed run left half written is
        passed over.

    Raises:
        DataError: If nothing was noted there.
    """
    folder, params, steps = Path(folder), {}, {}
    try:
        lines = (folder / METRICS_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise DataError(
            f"{str(folder)!r} must be the folder of a run, got: {METRICS_FILE}: {error.strerror}. "
            "Pass the folder given to create_tracker."
        ) from error
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            row = json.loads(line)
            step = int(row.pop("step"))
            steps[step] = {key: row[key] for key in row if key != "time"}
    with suppress(OSError, ValueError):
        params = json.loads((folder / PARAMS_FILE).read_text(encoding="utf-8"))
    history: dict[str, list[float]] = {}
    for step in sorted(steps):
        for name, value in steps[step].items():
            history.setdefault(name, []).append(math.nan if value is None else float(value))
    return Run(folder, params, history)


def read_runs(root: str | Path) -> list[Run]:
    """All runs under a folder, to compare them.

    Args:
        root: Folder of the runs, at any depth.

    Returns:
        The runs, by name of their folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as root:
        ...     for name, loss in (("a", 0.5), ("b", 0.4)):
        ...         JsonlTracker(Path(root, name)).log_metrics({"val_loss": loss}, step=1)
        ...     [(run.folder.name, run.history["val_loss"][-1]) for run in read_runs(root)]
        [('a', 0.5), ('b', 0.4)]
    """
    return [read_run(path.parent) for path in sorted(Path(root).rglob(METRICS_FILE))]


def _warn(path: Path, error: OSError) -> None:
    warnings.warn(
        f"{path} could not be written: {error.strerror}. The run goes on without this note.",
        PdlWarning,
        stacklevel=3,
    )
