"""What can be done from the command line? ``pdl --help`` lists it.

Commands only read arguments and call the library; they import it when they run, so that ``--help``
and ``--version`` answer at once. Errors of ours are one line on stderr, and the exit code says
which kind: 2 usage or settings, 3 data, 4 a saved file, 5 training; 1 is an error nobody foresaw,
with its traceback.
"""

import csv
import io
import json
import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from pdl._version import __version__
from pdl.allocator import keep_freed_memory
from pdl.errors import PdlError

if TYPE_CHECKING:
    from pdl.data.sources import Found
    from pdl.predict import Prediction


class _Commands(TyperGroup):
    """Turns errors into one line and an exit code, for every command."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PdlError as error:
            if ctx.params.get("debug"):
                raise
            typer.echo(error.line, err=True)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(130) from error
        except BrokenPipeError as error:  # the reader went away, as in `pdl info | head -1`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from error


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="PDL, PyTorch Deep Learning: the library of a book that runs.",
)
"""The command `pdl`. A program calls it with a list of words: ``app(["info"])``."""


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"pdl {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def main(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error came from, with its traceback.")
    ] = False,
) -> None:
    """PDL, PyTorch Deep Learning: the library of a book that runs."""
    del version, debug  # the callback and the group read them


@app.command()
def info() -> None:
    """Print versions, device and threads, for a bug report."""
    from pdl.info import info as described  # noqa: PLC0415 - imports torch, which takes seconds

    typer.echo(described())


@app.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
)
def train(words: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Train a model on a folder of images: `pdl train photos`. `pdl train --help` has the rest."""
    from pdl.recipe import parse  # noqa: PLC0415 - all options are read there, without torch

    request = parse(words or [], prog="pdl train")
    from pdl.train import main as start  # noqa: PLC0415 - imports torch

    start(request)


class _Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@app.command()
def predict(
    model: Annotated[
        Path, typer.Argument(help="Folder of a run of `pdl train`, or its model.safetensors.")
    ],
    images: Annotated[
        list[Path], typer.Argument(help="Files or folders; - reads paths from stdin.")
    ],
    *,
    top: Annotated[int, typer.Option(help="Classes to name for each image.", min=1)] = 3,
    form: Annotated[
        _Format, typer.Option("--format", help="How to print the predictions.")
    ] = _Format.TABLE,
    plot: Annotated[
        Path | None, typer.Option(help="Save a picture of the first images with their labels.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:0 or mps.")] = "auto",
) -> None:
    """Say what is on images. Exits with 3 if one of them could not be read."""
    from pdl.device import choose_device  # noqa: PLC0415 - imports torch
    from pdl.predict import find_images, plot_files, predict_files  # noqa: PLC0415
    from pdl.trained import load_trained  # noqa: PLC0415

    if images == [Path("-")]:
        images = [Path(line) for line in sys.stdin.read().splitlines() if line.strip()]
    paths = find_images(images)
    keep_freed_memory()
    chosen, trained = choose_device(device), load_trained(model)
    names = trained.class_names
    found, bad = predict_files(trained.model.to(chosen), paths, names, top_k=len(names))
    typer.echo(_PRINTED[form](found, top), nl=form is not _Format.CSV)
    for image in bad:
        typer.echo(f"{image.path}: {image.reason}", err=True)
    if plot is not None and found:
        plot_files(found[:_MOST_PLOTTED], names).savefig(plot)
    if bad:
        raise typer.Exit(3)


_MOST_PLOTTED = 25
"""Images in the picture of `--plot`: more of them nobody looks at."""


def _as_table(predictions: "Sequence[Prediction]", top: int) -> str:
    rows = [
        [each.source, *(f"{label} {prob:.1%}" for label, prob in _best(each, top).items())]
        for each in predictions
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _as_csv(predictions: "Sequence[Prediction]", _top: int) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "label", "prob"])
    writer.writerows([each.source, each.label, f"{each.prob:.6f}"] for each in predictions)
    return text.getvalue()


def _as_json(predictions: "Sequence[Prediction]", top: int) -> str:
    rows = [
        {"image": each.source, "label": each.label, "prob": each.prob, "top": _best(each, top)}
        for each in predictions
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def _best(prediction: "Prediction", top: int) -> dict[str, float]:
    return dict(list(zip(prediction.labels, prediction.probs, strict=True))[:top])


_PRINTED = {_Format.TABLE: _as_table, _Format.CSV: _as_csv, _Format.JSON: _as_json}

data = typer.Typer(
    no_args_is_help=True,
    help="Data sets: what is on this machine, where it is, and whether its images are sound.",
)
app.add_typer(data, name="data")

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@data.command("list")
def list_data(*, as_json: _AsJson = False) -> None:
    """List the data sets that have a name, and what there is of each. Asks no network."""
    from pdl.data import catalog, sources  # noqa: PLC0415 - imports torch, which takes seconds

    rows = [
        {
            "name": found.name,
            "kind": found.kind,
            "images": found.count,
            "source": found.source,
            "licence": found.licence,
            "about": catalog.entry(found.name).about,
        }
        for found in sources.available()
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        typer.echo(f"{row['name']}: {row['about']}")
        typer.echo(f"  {row['kind']}, {row['images']:,} images: {row['source']}")


@data.command("where")
def where_data(
    name: Annotated[str, typer.Argument(help="Name of a data set; `pdl data list` has them.")],
    *,
    as_json: _AsJson = False,
) -> None:
    """Print the folder from which a data set would be read. Asks no network."""
    from pdl.data.sources import find  # noqa: PLC0415 - imports torch

    _print_found(find(name, allow_download=False), as_json=as_json)


@data.command("fetch")
def fetch_data(
    names: Annotated[list[str], typer.Argument(help="Names of data sets.")],
    *,
    as_json: _AsJson = False,
) -> None:
    """Make sure that the real data is on this machine: find it, or download and verify it."""
    from pdl.data import catalog  # noqa: PLC0415
    from pdl.data.sources import fetch  # noqa: PLC0415 - imports torch

    for name in names:
        catalog.entry(name)  # a wrong name stops before the first download
    for name in names:
        _print_found(fetch(name), as_json=as_json)


@data.command("check")
def check_data(
    folder: Annotated[Path, typer.Argument(help="Folder of images, with or without classes.")],
    *,
    as_json: _AsJson = False,
) -> None:
    """Look at every image of a folder, and name those that can not be used. Exits with 3 then."""
    from pdl.data.images import check_images  # noqa: PLC0415 - imports torch

    bad = [{"path": str(image.path), "reason": image.reason} for image in check_images(folder)]
    if as_json:
        typer.echo(json.dumps(bad, indent=2))
    else:
        for row in bad:
            typer.echo(f"{row['path']}: {row['reason']}")
        typer.echo(f"{len(bad)} damaged" if bad else "every image can be used")
    if bad:
        raise typer.Exit(3)


def _print_found(found: "Found", *, as_json: bool) -> None:
    """The path alone on stdout, so that a script can use it; the rest on stderr."""
    if as_json:
        facts = {"name": found.name, "kind": found.kind, "source": found.source}
        typer.echo(json.dumps(facts | {"images": found.count, "path": str(found.path)}))
        return
    typer.echo(f"{found.name}: {found.kind}, {found.source}", err=True)
    typer.echo(str(found.path))
