"""How do TensorBoard and MLflow get the numbers of a run?

The only module that imports either, and only when one is asked for: both are optional, and take
seconds to load. `pdl.tracking` puts them behind one interface.
"""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, isfinite, nn, no_grad

from pdl.errors import ConfigError
from pdl.files import check_writable
from pdl.mode import device_of, preserve_mode
from pdl.seed import preserve_rng_state

if TYPE_CHECKING:
    import torch.utils.tensorboard


class TensorBoardTracker:
    """Writes event files, which ``tensorboard --logdir FOLDER`` draws in a browser.

    Args:
        folder: The run's folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tracker = TensorBoardTracker(folder)
        ...     tracker.log_metrics({"train_loss": 0.5}, step=1)
        ...     tracker.close()
        ...     len(list(Path(folder).glob("events.*")))
        1
    """

    def __init__(self, folder: str | Path) -> None:
        self.writer = summary_writer(Path(folder))

    def log_params(self, params: Mapping[str, object]) -> None:
        """Note the settings of the run, as a table among the texts.

        Args:
            params: Values by name.
        """
        rows = [f"| {name} | {value} |" for name, value in params.items()]
        self.writer.add_text("params", "\n".join(["| name | value |", "|---|---|", *rows]))

    def log_metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """Add a point to each curve.

        ``train_loss`` and ``val_loss`` become ``loss/train`` and ``loss/val``, so that TensorBoard
        puts them beside each other.

        Args:
            values: Numbers by name.
            step: Number of the epoch, from 1.
        """
        for name, value in values.items():
            part, _, kind = name.partition("_")
            tag = f"{kind}/{part}" if part in {"train", "val", "test"} and kind else name
            self.writer.add_scalar(tag, value, step)
        self.writer.flush()

    def log_graph(self, model: nn.Module, inputs: Tensor) -> None:
        """Draw the model as a graph of its layers. The model is left as it was found.

        Args:
            model: The model.
            inputs: A batch that it accepts.
        """
        with preserve_mode(model), preserve_rng_state(), warnings.catch_warnings(), no_grad():
            # TensorBoard's writer records the graph with torch.jit.trace, which is deprecated, and
            # which notes each comparison of shapes.
            warnings.simplefilter("ignore")
            model.eval()
            self.writer.add_graph(model, inputs.to(device_of(model)))

    def log_histograms(self, model: nn.Module, *, step: int) -> None:
        """Show how the values of each parameter are spread, and those of its gradient.

        Args:
            model: The model.
            step: Number of the epoch, from 1.
        """
        for name, parameter in model.named_parameters():
            for kind, values in (("weights", parameter), ("gradients", parameter.grad)):
                if values is not None and bool(isfinite(values).all()):
                    self.writer.add_histogram(f"{kind}/{name}", values.detach().cpu(), step)

    def log_images(self, name: str, images: Tensor, *, step: int = 0) -> None:
        """Show pictures.

        Args:
            name: What to call them.
            images: Shape ``(B, C, H, W)`` with values in ``[0, 1]``.
            step: Number of the epoch.
        """
        self.writer.add_images(name, images.detach().cpu(), step)

    def close(self) -> None:
        """Write what is waiting, and close the files."""
        self.writer.close()


class MlflowTracker:
    """Writes into a local store of MLflow: a folder, no server and no account.

    Args:
        store: Folder of the store, made if missing; one for all runs.
        experiment: Name under which runs are gathered.
        run_name: Name of this run.

    Raises:
        ConfigError: If MLflow is not installed.
    """

    def __init__(
        self, store: str | Path, *, experiment: str = "pdl", run_name: str = "run"
    ) -> None:
        # Read when the package is loaded: no usage reports, and plain folders as a store.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        try:
            from mlflow import MlflowClient  # noqa: PLC0415 - optional, and seconds to import
        except ImportError as error:
            raise ConfigError(_missing("mlflow", "mlflow-skinny")) from error
        folder = Path(store).resolve()
        check_writable(folder)
        self.client = MlflowClient(tracking_uri=folder.as_uri())
        known = self.client.get_experiment_by_name(experiment)
        number = self.client.create_experiment(experiment) if known is None else known.experiment_id
        self.run_id: str = self.client.create_run(number, run_name=run_name).info.run_id

    def log_params(self, params: Mapping[str, object]) -> None:
        """Note the settings of the run.

        Args:
            params: Values by name.
        """
        for name, value in params.items():
            self.client.log_param(self.run_id, name, value)

    def log_metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """Add a point to each curve.

        Args:
            values: Numbers by name.
            step: Number of the epoch, from 1.
        """
        for name, value in values.items():
            self.client.log_metric(self.run_id, name, float(value), step=step)

    def close(self) -> None:
        """Mark the run as finished."""
        self.client.set_terminated(self.run_id)


def summary_writer(folder: Path) -> "torch.utils.tensorboard.SummaryWriter":
    """TensorBoard's own writer into a folder.

    Args:
        folder: The folder, made if missing.

    Returns:
        A writer.

    Raises:
        ConfigError: If TensorBoard is not installed, or the folder can not be written into.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - optional, a second
    except ImportError as error:
        raise ConfigError(_missing("TensorBoard", "tensorboard")) from error
    check_writable(folder)
    return SummaryWriter(str(folder))


def _missing(name: str, package: str) -> str:
    return (
        f"tracking with {name} needs the package {package}, which is not installed. "
        f"Run: pip install {package}"
    )
