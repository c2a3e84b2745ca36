# ---
# title: Going modular
# description: From cells in a notebook to a package with a command that trains, resumes, predicts and shares its work.
# order: 6
# level: intermediate
# needs: [04_custom_datasets]
# gives: [modules and packages, layers of imports, training script, tests and docstrings, two processes]
# minutes: 60
# data: [{name: food_mini}, {name: pdl.metrics, path: src/pdl/metrics.py}]
# seed: 42
# ---
# %% [markdown]
# # Going modular
#
# A notebook is a good place to find out how something works. It is a poor place to do it a hundred
# times. Here the loops of the last chapters become a *package*: files that can be imported,
# tested, and started with one line in a terminal. The package is the library that this book has
# imported all along.

# %% tags=["hide-input"] name="result" alt="Above, a line as in a terminal: python -m pdl.train food_mini, with sixteen epochs. Below on the left, the training and the validation accuracy over the epochs, both rising from about a third. On the right three test pictures, a pizza, a steak and a plate of sushi, with the dish that the model takes each for; a wrong answer stands in orange." caption="One line in a terminal, and what it left: a file of measurements, and a model. Three test pictures with the model's answers; orange is wrong."
import os
import subprocess
import sys
import tempfile
from pathlib import Path

desk = tempfile.TemporaryDirectory(prefix="pdl-")
work = Path(desk.name)  # all files of this page go there
wanted = "pdl.train food_mini --image-size 32 --epochs 16 --device cpu"
running = subprocess.Popen(
    [sys.executable, "-m", *wanted.split()],
    cwd=work,
    env=os.environ | {"OMP_NUM_THREADS": "1"},
    stdout=subprocess.DEVNULL,
)
from matplotlib import pyplot
from PIL import Image

from pdl import gallery, plotting
from pdl.data.sources import find
from pdl.predict import predict
from pdl.tracking import read_run
from pdl.trained import load_trained

plotting.use_style()
c = plotting.COLORS
assert running.wait() == 0
first = work / "runs/food_mini-tiny_vgg"
whole = read_run(first).history
model, class_names = load_trained(first)
food = find("food_mini")
plates = [sorted((food.test_dir / name).iterdir())[3] for name in class_names]
figure = pyplot.figure(figsize=(7.2, 3.2))
top, bottom = figure.subfigures(2, height_ratios=[1, 5.5])
top.text(0.02, 0.45, f"$ python -m {wanted}", family="monospace", fontsize=11, va="center")
curves, *panels = bottom.subplots(1, 4, width_ratios=[2, 1, 1, 1])
for part, color, name in (("train", "blue", "training"), ("val", "green", "validation")):
    values = [100 * share for share in whole[f"{part}_acc"]]
    curves.plot(range(1, len(values) + 1), values, color=c[color], label=name)
curves.axhline(100 / 3, color=c["muted"], ls=":", label="chance")
curves.set(xlabel="epoch", ylabel="accuracy (%)", ylim=(20, 100), xticks=[1, 6, 11, 16])
curves.legend(fontsize=9, loc="upper left")
for ax, path, truth in zip(panels, plates, class_names, strict=True):
    answer = predict(model, path, class_names)[0]
    gallery.show(ax, Image.open(path))
    ink = {"color": c["ink"] if answer.label == truth else c["orange"]}
    ax.set_title(f"{answer.label}\n{answer.prob:.0%}", fontsize=11, loc="center", **ink)

# %% [markdown]
# **You will** split code into modules without tying a knot, find your way in this library, train,
# resume and predict from a terminal, let two processes share the work, and write three scripts of
# your own.
#
# **You need** [pictures in folders, and training on them](04_custom_datasets.md).
#
# **It takes** no GPU. The pictures are `food_mini`: pizza, steak and sushi, fetched once, or drawn
# where they can not be had. This page was built with
# {{ "real photos" if food.kind == "real" else "drawn ones" }}.

# %% [markdown] covers=["05.01"]
# ## Why leave the notebook
#
# | | notebook | files |
# |---|---|---|
# | good for | trying, looking, explaining | using again, testing, running for hours |
# | state | cells run in any order | each run starts from nothing |
# | use elsewhere | copy and paste | `import` |
# | changes | hard to compare | line by line, with git |
# | start it | by hand | one line, on any machine, also at night |
#
# So use both. Try in a notebook. When a piece works and you need it a second time, move it into a
# module, and import it back.

# %% tags=["hide-input"] alt="Three boxes from left to right: notebook, try and look; module, a function with its docstring and its test; program, one line in a terminal. An arrow leads from each to the next. A fourth arrow leads back from the module to the notebook and says import." caption="The way of a piece of code. The notebook does not go away; it gets shorter."
figure, ax = pyplot.subplots(figsize=(7.2, 2.2))
boxes = {
    "notebook": "try, look,\nchange again",
    "module": "a function with\ndocstring and test",
    "program": "one line\nin a terminal",
}
for place, (name, words) in enumerate(boxes.items()):
    x = 3.2 * place
    ax.add_patch(pyplot.Rectangle((x, 0), 2, 1.2, fc=c["wash"], ec=c["rule"]))
    ax.text(x + 1, 0.95, name, ha="center", va="center", weight="bold", fontsize=12)
    ax.text(x + 1, 0.4, words, ha="center", va="center", fontsize=11)
arrow = {"arrowstyle": "-|>", "color": c["teal"], "lw": 2}
for start, end, y in ((2.05, 3.15, 0.8), (5.25, 6.35, 0.6)):
    ax.annotate("", (end, y), (start, y), arrowprops=arrow)
ax.text(2.6, 0.9, "move", ha="center", color=c["teal"], fontsize=11)
ax.text(5.8, 0.7, "call", ha="center", color=c["teal"], fontsize=11)
ax.annotate("", (2.05, 0.35), (3.15, 0.35), arrowprops=arrow | {"color": c["orange"]})
ax.text(2.6, 0.05, "import", ha="center", color=c["orange"], fontsize=11)
ax.set(xlim=(-0.1, 8.5), ylim=(-0.1, 1.35))
ax.set_axis_off()

# %% [markdown]
# ## Set up
#
# Imports stand at the top of a file, so that a reader sees at once what it needs.

# %%
import ast
import importlib
import inspect
import re
import shlex
import shutil
import sysconfig
from time import perf_counter

import torch
from torch import nn

from pdl import cli, engine, metrics
from pdl.info import info

print(info())

# %% [markdown]
# A page can not open a terminal. This function starts a program as a terminal does, in a process
# of its own, and gives back what it printed. `code` is the exit code that we expect: zero says that
# all went well. The seconds at the ends of lines are cut off, since they differ from run to run.


# %%
def shell(line, code=0, stream="stdout"):
    program, *words = shlex.split(line)
    scripts = sysconfig.get_path("scripts") + os.pathsep + os.environ["PATH"]
    programs = {
        "python": [sys.executable],
        "torchrun": [sys.executable, "-m", "torch.distributed.run"],
        "pdl": [shutil.which("pdl", path=scripts)],
    }
    done = subprocess.run(
        [*programs[program], *words],
        cwd=work,
        env=os.environ | {"OMP_NUM_THREADS": "1"},  # each process computes on one core
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return re.sub(r"  [\d.]+ s$", "", getattr(done, stream), flags=re.MULTILINE)


# %% [markdown]
# ## A module is a file
#
# Python needs no ceremony: a file is a *module*, a folder with an `__init__.py` is a *package*. We
# write the smallest package by hand.

# %%
kitchen = work / "kitchen"
kitchen.mkdir(exist_ok=True)
(kitchen / "__init__.py").write_text("")
code = """\
print("  Python reads scores.py from top to bottom")

def share(right, count):
    return right / count
"""
(kitchen / "scores.py").write_text(code)
sys.path.insert(0, str(work))  # where Python looks for packages

# %% [markdown] tags=["checkpoint"]
# We import it twice. How often will it print its line?

# %%
for time in ("first", "second"):
    print(time, "import")
    from kitchen import scores
print(scores.share(3, 4))

# %% [markdown]
# Once. The first `import` runs the file and keeps the result in `sys.modules`; every other one
# takes it from there. So a module should *define* things and do nothing: whoever imports it wants
# its functions, not its prints.

# %% [markdown] tags=["wrong"] covers=["05.05"] corrects=["77"]
# **Two copies.** Notebooks have a magic line, `%%writefile going_modular/data_setup.py`. It writes
# the rest of its cell into a file and does *not* run it. Courses build whole packages that way.
# Then you mend the cell and forget to write, or write and forget that Python read the file
# already. Watch the second:

# %%
(kitchen / "scores.py").write_text(code.replace("right / count", "100 * right / count"))
from kitchen import scores

stale = scores.share(3, 4)
print("after writing and importing again:", stale)
importlib.reload(scores)
fresh = scores.share(3, 4)
print("after a reload:", fresh)

# %% tags=["check"]
# An import does not see a changed file; a reload does.
assert (stale, fresh) == (0.75, 75.0)
assert sys.modules["kitchen.scores"] is scores

# %% [markdown]
# The cure is one copy: the package lies in a folder of its own, `pip install -e .` makes it
# importable from everywhere, and notebooks only import. (There, `%load_ext autoreload` and
# `%autoreload 2` reload what you edit.) No file of this library was written by a cell.
#
# ### The knot
#
# Two modules that need each other can not be read from top to bottom.

# %% [markdown] tags=["checkpoint"]
# `model.py` begins with an import from `engine.py`, and that one begins with an import from
# `model.py`. What happens?

# %%
(kitchen / "model.py").write_text("from kitchen.engine import train\n\nclass Net: ...\n")
(kitchen / "engine.py").write_text("from kitchen.model import Net\n\ndef train(): ...\n")
try:
    importlib.import_module("kitchen.model")
    knot = ""
except ImportError as error:
    knot = str(error).partition(") (")[0] + ")"  # without the path
print(knot.replace(" (most", "\n(most"))

# %% tags=["check"]
# Two modules that import each other can not be imported.
assert "'Net' from partially initialized module 'kitchen.model'" in knot
assert "circular import" in knot

# %% [markdown]
# `model.py` had not come as far as `class Net` when `engine.py` asked for it. The cure is an order:
# each module may import only from those *below* it. Here the engine trains any model, so it needs
# to know none.
#
# ## The rooms of this library
#
# The notes that this book grew from split their code into a folder `going_modular`. Ours is `pdl`,
# and each file answers one question:

# %% [markdown] covers=["05.02"]
# | in the notes | what for | here |
# |---|---|---|
# | `data_setup.py` | `create_dataloaders` | [`pdl.data.loaders`](../api/data.loaders.md) |
# | `model_builder.py`, `model.py` | `TinyVGG` | [`pdl.models.tiny_vgg`](../api/models.tiny_vgg.md) |
# | `engine.py` | `train_step`, `test_step`, `train` | [`pdl.engine`](../api/engine.md) |
# | `utils.py` | `save_model` | [`pdl.checkpoint`](../api/checkpoint.md) |
# | `train.py` | put together, started from a terminal | [`pdl.train`](../api/train.md), [`pdl.recipe`](../api/recipe.md) |
# | `predictions.py` | `pred_and_plot_image` | [`pdl.predict`](../api/predict.md) |
# | `helper_functions.py` | `plot_loss_curves`, `plot_predictions` | [`pdl.plotting`](../api/plotting.md) |
# | | `plot_decision_boundary` | [`pdl.boundary`](../api/boundary.md) |
# | | `accuracy_fn` | [`pdl.metrics`](../api/metrics.md) |
# | | `set_seeds` | [`pdl.seed`](../api/seed.md) |
# | | `walk_through_dir` | [`pdl.data.folder`](../api/data.folder.md) |
# | | `download_data` | [`pdl.data.sources`](../api/data.sources.md) |
#
# There is no `utils.py`. That name answers no question, so everything ends up there. What `utils`
# held, saving a model, has a name of its own.

# %% tags=["check"]
# Every name of the notes is where the table says.
from pdl import boundary, checkpoint, seed
from pdl import predict as predicting
from pdl.data import folder, loaders, sources
from pdl.models import tiny_vgg

homes = {
    loaders: ["create_dataloaders"],
    tiny_vgg: ["TinyVGG"],
    engine: ["train_step", "test_step", "train"],
    checkpoint: ["save_model"],
    plotting: ["plot_loss_curves", "plot_predictions"],
    boundary: ["plot_decision_boundary"],
    metrics: ["accuracy_fn"],
    seed: ["set_seeds"],
    folder: ["walk_through_dir"],
    sources: ["fetch", "find"],
    predicting: ["predict", "pred_and_plot_image"],
}
for module, names in homes.items():
    assert all(getattr(module, name).__module__ == module.__name__ for name in names)

# %% [markdown] covers=["05.07"]
# ### Three of them, opened
#
# What you wrote in the last chapter stands in these files, with more in it. `inspect` reads the
# code of a function. This one leaves the docstrings out; we come to them below.


# %%
def code_of(thing, start=""):
    lines = inspect.getsource(thing).splitlines()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            for number in range(node.body[0].lineno, node.body[0].end_lineno + 1):
                lines[number - 1] = ""
    code = "\n".join(line for line in lines if line.strip())
    return code[max(code.find(start), 0) :]


print(code_of(tiny_vgg._block), code_of(tiny_vgg.TinyVGG, "    def forward"), sep="\n\n")

# %% [markdown]
# The *model* knows nothing of training. The *engine* knows nothing of the model. Here is how it
# measures, the body of `test_step`:

# %%
print(code_of(engine.test_step, "    device ="))

# %% [markdown]
# And how `train_step` learns. Look for the five numbered steps; what stands between them guards
# against `NaN`, wrong labels and a request to stop.

# %%
print(code_of(engine._learn, "    model.train()"))

# %% [markdown]
# `train` calls the two for each epoch, as yours did. Last, `save_model`:

# %%
print(code_of(checkpoint.save_model))

# %% [markdown]
# The end of the file's name, its *suffix*, decides what is written. `.pt` and `.pth` are two names
# for one format, that of `torch.save`: a zip archive with a *pickle* in it. PyTorch itself takes any
# suffix; these two are a custom. A pickle can run code when it is opened, which `torch.load`
# refuses unless told otherwise. `.safetensors` is another format: numbers with their names, and
# nothing that could run. Ours also holds a SHA-256, so that damage is noticed.

# %% [markdown] tags=["checkpoint"]
# We save the model from the top of this page under four names. Which are refused, and which become
# zip archives?

# %%
import zipfile

from pdl.errors import ConfigError

endings, refusals = {}, []
for name in ("dishes.safetensors", "dishes.pt", "dishes.pth", "dishes.partition"):
    try:
        path = checkpoint.save_model(model, work / "models", name)
        endings[path.suffix] = zipfile.is_zipfile(path)
        print(f"{name}: {path.stat().st_size:,} bytes, a zip: {endings[path.suffix]}")
    except ConfigError as error:
        refusals.append(str(error))
        print(error)

# %% [markdown] tags=["wrong"]
# **`assert model_name.endswith(".pth")`.** So the notes kept wrong names out. But `python -O`, which
# is meant for speed, skips every `assert`, and the message has no advice. An `assert` is for what
# can not happen; what a user may do wrong gets an exception.

# %% tags=["check"]
# Three endings are taken and give equal weights back; the fourth is refused with advice.
assert endings == {".safetensors": False, ".pt": True, ".pth": True}
taken, _ = load_trained(first)
for ending in endings:
    for weight in taken.parameters():
        nn.init.zeros_(weight)
    checkpoint.load_model(taken, work / "models" / f"dishes{ending}")
    for name, weight in model.state_dict().items():
        assert torch.equal(taken.state_dict()[name], weight)
assert len(refusals) == 1
assert "must end in" in refusals[0]
assert "Try" in refusals[0]
assert re.findall(r"# (\d)\. ", code_of(engine._learn)) == list("12345")
assert '"""' not in code_of(checkpoint.save_model)

# %% [markdown]
# ### Is the order kept?
#
# We need not believe it. Python's `ast` reads a file as a tree, without running it. We collect the
# imports of every file that the command `pdl` needs, at any depth.


# %%
def imports_of(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("pdl.")}


package = Path(cli.__file__).parent
graph, waiting = {}, ["cli"]
while waiting:
    part = waiting.pop()
    if part not in graph:
        files = [*package.glob(f"{part}.py"), *package.glob(f"{part}/*.py")]
        graph[part] = set().union(*map(imports_of, files)) - {part, "__version__"}
        waiting += graph[part]
print("train needs:", ", ".join(sorted(graph["train"])))

# %% tags=["hide-input"] alt="The parts of the library one below the other, from cli at the top to errors at the bottom, in bands of parts that do not need each other. On the right, arcs lead from each part down to those that it imports; there are no arcs on the left. The arcs from train are orange, and end at engine, data, recipe and others." caption="What imports what, read from the files of this build: an arc leads from a part down to one that it imports. One that led up would be drawn on the left. Orange: the imports of `train`. Gray bands: parts that stand on one level."
from graphlib import CycleError, TopologicalSorter

from matplotlib.patches import Arc

order = list(TopologicalSorter(graph).static_order())
depth = dict.fromkeys(graph, 0)
for part in reversed(order):  # from the top: a part stands below all that import it
    for below in graph[part]:
        depth[below] = max(depth[below], depth[part] + 1)
column = sorted(graph, key=lambda part: (depth[part], part))
at = {part: place for place, part in enumerate(column)}
figure, ax = pyplot.subplots(figsize=(7.2, 0.19 * len(column)))
for level in range(0, max(depth.values()) + 1, 2):
    band = [at[part] for part in column if depth[part] == level]
    ax.axhspan(min(band) - 0.5, max(band) + 0.5, color=c["wash"], lw=0)
for part, below in graph.items():
    for other in below:
        top, end = at[part], at[other]
        look = {"color": c["muted"], "lw": 0.6, "alpha": 0.6}
        if part == "train":
            look = {"color": c["orange"], "lw": 1.5, "zorder": 3}
        x, sides = (0, (-90, 90)) if end > top else (-9, (90, 270))
        size = {"width": abs(end - top) * 1.2, "height": abs(end - top)}
        sides = dict(zip(("theta1", "theta2"), sides, strict=True))
        ax.add_patch(Arc((x, (top + end) / 2), **size, **sides, **look))
for part, y in at.items():
    ink = "orange" if part in graph["train"] | {"train"} else "ink"
    strong = "bold" if part == "train" else "normal"
    look = {"color": c[ink], "weight": strong, "fontsize": 9.5}
    ax.text(-0.4, y, part, ha="right", va="center", **look)
ax.set(xlim=(-10, 0.62 * len(column)), ylim=(len(column) - 0.3, -0.7))
ax.set_axis_off()

# %% [markdown]
# {{ len(graph) }} parts, {{ sum(map(len, graph.values())) }} imports, none upward. A change in a
# file can break only what stands above it. In this project a tool, `import-linter`, refuses an
# import that leads up, before anybody reviews it.

# %% tags=["check"]
# No import leads up; the engine knows no model, no data; an import upward makes a circle.
TopologicalSorter(graph).prepare()
assert all(at[below] > at[part] for part in graph for below in graph[part])
assert not graph["engine"] & {"models", "data", "train", "cli"}
assert "engine" in graph["train"]
try:
    TopologicalSorter(graph | {"metrics": {"engine"}}).prepare()
    found_circle = False
except CycleError:
    found_circle = True
assert found_circle

# %% [markdown] covers=["05.09"]
# ### Folders
#
# Code, data and results live apart, because they change at different times: code is kept in git,
# data is fetched, results are made. The notes have `going_modular/` for code, `models/` for what
# is saved, and `data/pizza_steak_sushi/` with a folder for each part and class. Here the code is
# `src/pdl/`, its tests are in `tests/`, and each run gets a folder of its own below `runs/`. The
# folder `src` is there so that a test can not import the code by accident from where it stands:
# it gets what `pip` installed, as a user does. A run is named after its data and its model, unless
# `--out` says otherwise.

# %%
for part in ("train", "test"):
    for name in class_names:
        count = sum(1 for _ in (food.path / part / name).iterdir())
        print(f"food_mini/{part}/{name}/  {count} pictures")
for path in sorted(first.iterdir()):
    print(path.relative_to(work).as_posix())

# %% [markdown] covers=["05.06"]
# ## The data, set up once
#
# `create_dataloaders(train_dir, test_dir, transform, batch_size, num_workers)` gave two loaders and
# the names of the classes in the notes. Ours gives three: a share of the training pictures is set
# aside for validation. Choosing by the test set would use it up.

# %%
batches = loaders.create_dataloaders(
    food.train_dir, food.test_dir, transform=model.transform, batch_size=16
)
for part in ("train", "val", "test"):
    loader = getattr(batches, part)
    print(f"{part}: {len(loader.dataset)} pictures in {len(loader)} batches")
print(batches.class_names, next(iter(batches.train))[0].shape)

# %% tags=["check"]
# All classes have the same share in validation, and no picture is in two parts.
assert [len(part.dataset) for part in batches[:3]] == [180, 45, 75]
assert len({path for part in batches[:3] for path in part.dataset.paths}) == 300
aside = torch.cat([labels for _, labels in batches.val])
assert aside.bincount().max() - aside.bincount().min() <= 3
assert batches.class_names == ["pizza", "steak", "sushi"] == class_names

# %% [markdown] covers=["05.08"] corrects=["76"]
# ### Pinned memory, told right
#
# The notes say that `pin_memory=True` makes copies to the GPU faster and asynchronous. Half of that
# is true. The operating system moves ordinary memory around. A GPU can fetch only from memory that
# stays in its place, called *pinned* or page-locked. So an ordinary batch is copied twice, first
# into a pinned corner. A pinned batch is copied once. But the program *still waits* for the copy,
# unless it asks not to: `batch.to(device, non_blocking=True)`. Then it prepares the next batch
# meanwhile. It takes all three: pinned memory, `non_blocking`, and an accelerator.

# %% tags=["hide-input"] alt="Two time lines, each with a lane for the program and one for the GPU. Ordinary memory: the program prepares batch 1, waits while it is copied, prepares batch 2 while the GPU computes, and waits again. Pinned and non-blocking: the program prepares batches 1, 2 and 3 without a pause, and the GPU copies and computes one after the other; it is done earlier." caption="A sketch, not a measurement. Copies and computation of one GPU take turns in both; what goes away is the second copy and the waiting of the program."
plans = {
    "ordinary memory": (
        [("prepare 1", 2), ("wait", 2), ("prepare 2", 2), ("wait", 3), ("prepare 3", 2)],
        [("", 3), ("copy", 1), ("compute 1", 3), ("", 1), ("copy", 1), ("compute 2", 3)],
    ),
    "pinned, non_blocking": (
        [("prepare 1", 2), ("prepare 2", 2), ("prepare 3", 2)],
        [("", 2), ("copy", 1), ("compute 1", 3), ("copy", 1), ("compute 2", 3)],
    ),
}
inks = {"prepare": "teal", "wait": "wash", "copy": "gold", "compute": "blue"}
_, panels = pyplot.subplots(2, 1, figsize=(7.2, 2.9), sharex=True)
for ax, (title, lanes) in zip(panels, plans.items(), strict=True):
    for lane, bars in zip((1, 0), lanes, strict=True):
        start = 0
        for name, length in bars:
            if name:
                ink = inks[name.split()[0]]
                ax.barh(lane, length, left=start, color=c[ink], height=0.8, ec=c["paper"])
                shade = c["muted"] if ink == "wash" else "white"
                look = {"ha": "center", "va": "center", "color": shade, "fontsize": 10}
                ax.text(start + length / 2, lane, name, **look)
            start += length
    ax.set_yticks([0, 1], ["GPU", "program"])
    ax.set(title=title, ylim=(-0.6, 1.6), xlim=(0, 12.1), xticks=[])
    ax.grid(visible=False)
_ = panels[1].set_xlabel("time")

# %% [markdown]
# Without an accelerator there is nowhere to copy to. `DataLoader` then only warns:

# %%
import warnings

from torch.utils.data import DataLoader

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    next(iter(DataLoader(range(3), pin_memory=True)))
pinning = [str(warning.message) for warning in caught]
print(pinning[0] if pinning else "no warning: this machine has an accelerator")

# %% [markdown]
# So here the loaders pin if there is an accelerator, and the engine always copies with
# `non_blocking`: on a CPU it changes nothing.

# %% tags=["check"]
# Without an accelerator pinning warns and does nothing; our loader then does not pin.
has_gpu = torch.accelerator.is_available()
if not has_gpu:
    assert "no accelerator is found" in pinning[0]
    assert not batches.train.pin_memory
assert "non_blocking=True" in inspect.getsource(importlib.import_module("pdl.batches"))

# %% [markdown] covers=["05.04"]
# ## What a function promises, and who checks
#
# Inside a notebook you remember what your function wants. In a module others use it, and you, half
# a year later. This one says it in three ways. We print it from its file:

# %%
print(inspect.getsource(metrics.accuracy))

# %% [markdown]
# The form is Google's: a sentence, then `Args`, `Returns`, and `Raises` if it raises.
#
# | promise | where | checked by |
# |---|---|---|
# | what goes in and out | types, `logits: Tensor` | `mypy`, which runs nothing |
# | how it is used | the `>>>` example | `doctest` runs it and compares |
# | what it does in hard cases | a test in `tests/` | `pytest`, at each change |
#
# With the types, an editor underlines `accuracy("pizza", labels)` while you type. The example can be
# run. We run it, and then one that lies:

# %%
import doctest

parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False)
text, names = inspect.getdoc(metrics.accuracy), vars(metrics)
verdicts = {}
for name, words in {"true": text, "lie": text.replace("0.5000", "0.7500")}.items():
    example = parser.get_doctest(words, dict(names), name, None, None)
    verdicts[name] = runner.run(example, out=lambda _: None)
    print(name, verdicts[name])

# %% [markdown]
# A test is a function with `assert` in it. Remember the short last batch: its loss must not count
# as much as a full one. So our test has a batch of three right answers and a batch of one wrong.


# %%
def test_a_short_batch_counts_less(measure):
    sure = torch.tensor([[9.0, 0.0]])
    batches = [(sure.repeat(3, 1), torch.tensor([0, 0, 0])), (sure, torch.tensor([1]))]
    assert measure(batches) == 0.75


def mean_of_batch_means(batches):
    shares = [metrics.accuracy(logits, labels).item() for logits, labels in batches]
    return sum(shares) / len(shares)


def weighted(batches):
    loss_fn = nn.CrossEntropyLoss()
    return engine.test_step(nn.Identity(), batches, loss_fn, device="cpu").metric


# %% [markdown] tags=["checkpoint"]
# Which of the two passes, and what does the other one give?

# %%
outcomes = {}
for measure in (weighted, mean_of_batch_means):
    try:
        test_a_short_batch_counts_less(measure)
        outcomes[measure.__name__] = "passed"
    except AssertionError:
        outcomes[measure.__name__] = "failed"
print(outcomes)

# %% tags=["check"]
# The true example passes and the lie fails; the test catches the mean of batch means.
assert verdicts["true"] == (0, 1)
assert verdicts["lie"].failed == 1
assert outcomes == {"weighted": "passed", "mean_of_batch_means": "failed"}

# %% [markdown]
# A test that can not fail tests nothing. So look at each one fail once.
#
# ## A file that can be started
#
# A module defines, a program does. One file can be both: Python calls a module by its name, but the
# file it was started with `"__main__"`. What stands below `if __name__ == "__main__":`, the *main
# guard*, runs only there.
#
# Why it matters: on Windows and macOS a worker process, such as those of a `DataLoader`, begins by
# importing the file that started it. Here is one without a guard and one with it:

# %%
body = """\
worker = multiprocessing.get_context("spawn").Process(target=print, args=["hello"])
worker.start()
worker.join()
"""
guard = 'if __name__ == "__main__":\n'
indented = "".join(f"    {line}\n" for line in body.splitlines())
(work / "bare.py").write_text("import multiprocessing\n\n" + body)
(work / "guarded.py").write_text("import multiprocessing\n\n" + guard + indented)
complaint = shell("python bare.py", stream="stderr")
print(" ".join(complaint[complaint.rindex("RuntimeError:") :].split()[:20]))
hello = shell("python guarded.py")
print("with a guard:", hello)

# %% tags=["check"]
# Without a guard the worker fails; with one it says hello.
assert "bootstrapping phase" in complaint
assert hello == "hello\n"

# %% [markdown]
# The last lines of this library's own `train.py`, read from the file. A mistake ends the program with
# one line and a number, [which says what kind it was](../api/errors.md); Ctrl-C ends it quietly.

# %%
source = (package / "train.py").read_text(encoding="utf-8")
print(source[source.index("if __name__") :])

# %% [markdown] tags=["wrong"] corrects=["78"]
# **A published `train.py`.** Besides the guard, three more things went wrong in the script that
# many learn from. *The size of a layer was typed in*, `in_features=hidden_units*13*13`: right for
# pictures of 64 pixels and for no other. *One transform served for training and test*, so that no
# augmentation could be added without changing the test as well. *The number of workers was counted
# at import*, `NUM_WORKERS = os.cpu_count()`: on a machine with 64 cores, 64 processes load a few
# hundred small pictures. The typed size, with pictures of 32 pixels:

# %%
net = tiny_vgg.TinyVGG(num_classes=3, image_size=32, padding=0)
typed = nn.Linear(10 * 13 * 13, 3)
maps = net.conv_block_2(net.conv_block_1(torch.zeros(1, 3, 32, 32)))
try:
    typed(maps.flatten(1))
    misfit = ""
except RuntimeError as error:
    misfit = str(error)
print(misfit)
print("ours:", net.classifier[1])

# %% tags=["check"]
# A typed size fits pictures of 64 pixels only; ours is computed; workers are a choice.
assert "cannot be multiplied" in misfit
for size, fits in ((64, True), (32, False)):
    net = tiny_vgg.TinyVGG(num_classes=3, image_size=size, padding=0)
    assert (net.classifier[1].in_features == typed.in_features) == fits
    assert net(torch.zeros(1, 3, size, size)).shape == (1, 3)
given = inspect.signature(loaders.create_dataloaders).parameters
assert given["num_workers"].default == 0
assert {"transform", "train_transform"} <= given.keys()

# %% [markdown] covers=["05.03"]
# ## Train from the terminal
#
# The goal of the notes was `python going_modular/train.py --model MODEL_NAME --batch_size BATCH_SIZE
# --lr LEARNING_RATE --num_epochs NUM_EPOCHS`. Ours is `python -m pdl.train`, and the same under a
# shorter name, `pdl train`. A line in `pyproject.toml`, `pdl = "pdl.cli:app"`, makes that command when
# the package is installed. It lists what can be chosen:

# %%
print(shell("pdl train --help").partition("\n\n")[0])

# %% [markdown]
# All choices are the fields of one class, [`Recipe`][pdl.recipe.Recipe]. The same recipe gives the
# same model. It stands in a file of its own that does not need PyTorch, so `--help` and a misspelled
# option are answered at once. What is not given has a default, and the defaults are those of the
# notes: 5 epochs, batches of 32, 10 channels, a learning rate of `0.001`, pictures of 64 by 64.

# %% tags=["check"]
# Defaults are the notes' constants; the recipe needs no PyTorch; the command is installed.
from importlib.metadata import entry_points

from pdl.recipe import Recipe

usual = Recipe(data="food_mini")
assert (usual.epochs, usual.batch_size, usual.channels, usual.image_size) == (5, 32, 10, 64)
assert usual.lr == 0.001
assert graph["recipe"] == {"errors"}
loaded = shell("python -c \"import pdl.recipe, sys; print('torch' in sys.modules)\"")
assert loaded == "False\n"
command = entry_points(group="console_scripts", name="pdl")
assert {point.value for point in command} == {"pdl.cli:app"}

# %% [markdown] tags=["checkpoint"]
# We train for six epochs. Which files will be in the folder of the run? What does one need besides
# the weights, to go on later as if nothing had happened?

# %% tags=["leaves-files"]
train = "pdl train food_mini --image-size 32 --device cpu"
print(shell(f"{train} --epochs 6 --out runs/parts"))
print(*sorted(path.name for path in (work / "runs/parts").iterdir()), sep="\n")

# %% [markdown]
# `model.safetensors` has the weights, and how to build the model and name its classes: all that a
# prediction needs. `last.safetensors` has besides them the state of the optimizer, of every random
# generator, and the epoch. With it, `--resume` goes on:

# %% tags=["leaves-files"]
print(shell(f"{train} --epochs 16 --out runs/parts --resume"))

# %% [markdown]
# The run at the top of this page had the same sixteen epochs in one go. `metrics.jsonl` holds a line
# of numbers for each epoch. We read both files and compare.

# %%
import json

rows = [json.loads(line) for line in (work / "runs/parts/metrics.jsonl").open()]
parts = read_run(work / "runs/parts").history
print({key: rows[0][key] for key in ("step", "train_loss", "val_loss", "lr")})
for part in ("train_loss", "val_loss"):
    pairs = zip(parts[part], whole[part], strict=True)
    print(part, "differs by at most", max(abs(a - b) for a, b in pairs))

# %% tags=["hide-input"] alt="Two panels over sixteen epochs, loss and accuracy. Lines for training and validation are those of the run in one go; circles, those of the run in two parts, lie on them exactly. A dotted line after epoch six marks where the second part begins." caption="Lines: sixteen epochs in one go. Circles: six, then ten more with `--resume`. They are the same numbers."
_, panels = pyplot.subplots(1, 2, figsize=(7.2, 3))
for ax, kind, factor in zip(panels, ("loss", "acc"), (1, 100), strict=True):
    sides = (("train", "blue", "training"), ("val", "green", "validation"))
    for part, color, name in sides:
        lines = [factor * value for value in whole[f"{part}_{kind}"]]
        dots = [factor * value for value in parts[f"{part}_{kind}"]]
        epochs = range(1, len(lines) + 1)
        ax.plot(epochs, lines, color=c[color], lw=1.5, label=name)
        ax.plot(epochs, dots, "o", mfc="none", color=c[color], ms=6)
    ax.axvline(6.5, color=c["muted"], ls=":")
    ax.set(xlabel="epoch", xticks=[1, 6, 11, 16])
panels[0].set_ylabel("loss")
panels[1].set_ylabel("accuracy (%)")
_ = panels[0].legend(fontsize=10)

# %% tags=["check"]
# Stopped and resumed gives the same numbers to the last bit, and the same weights.
for key in ("train_loss", "val_loss", "train_acc", "val_acc"):
    assert parts[key] == whole[key]
resumed, _ = load_trained(work / "runs/parts")
for name, weight in model.state_dict().items():
    assert torch.equal(weight, resumed.state_dict()[name])
assert len(rows) == 16

# %% [markdown]
# ### Is it any good?
#
# The test pictures decided nothing: not when to stop, and not which options to take. So they can
# say how good the result is.

# %%
from pdl.predict import predict_loader

probs, truth = predict_loader(model, batches.test)
guesses = probs.argmax(dim=1)
test_share = (guesses == truth).float().mean().item()
said = dict(zip(class_names, guesses.bincount(minlength=3).tolist(), strict=True))
test_loss = nn.functional.nll_loss(probs.log(), truth).item()
print(f"test: {test_share:.1%} right, loss {test_loss:.4f}; it said {said}")

# %% [markdown]
# {{ f"{test_share:.1%}" }} right; always saying the commonest dish gives
# {{ f"{truth.bincount().max().item() / len(truth):.1%}" }}. The loss of guessing is $\ln 3$, about
# `1.10`; the model's is {{ f"{test_loss:.2f}" }}.
# The validation loss was lowest after epoch
# {{ whole["val_loss"].index(min(whole["val_loss"])) + 1 }}.
# {{ "180 real photos are few to learn from, and the network is small. A later chapter gives the same script a network that has seen a million pictures." if food.kind == "real" else "Drawn dishes are easy to tell apart. With real photos the same line gets far less right." }}

# %% tags=["check"]
# On pictures that it did not learn from, the model beats chance and knows all three dishes.
val_probs, val_truth = predict_loader(model, batches.val)
val_right = int((val_probs.argmax(dim=1) == val_truth).sum())
assert (val_right + int((guesses == truth).sum())) / 120 > 0.4
assert len(guesses.unique()) == 3
assert abs(whole["val_acc"][-1] - val_right / 45) < 1e-6
tested = engine.test_step(model, batches.test, nn.CrossEntropyLoss())
assert abs(tested.loss - test_loss) < 1e-4

# %% [markdown]
# ### When it is called wrongly
#
# A program that runs at night must fail at once, in words, and with a number that a script can
# read. Not after an hour, and not in forty lines:

# %%
print(shell(f"{train} --lr -1", code=2, stream="stderr"))

# %% [markdown]
# What was given, the rule, what to do; and the exit code is 2, for a setting. In the same way it refuses to write over a finished run,
# unless you say `--resume` or `--overwrite`.

# %% tags=["check"]
# A folder that holds a run is refused, and the message says what to do.
from pdl.train import run

try:
    run(Recipe(data="food_mini", out=first))
    refusal = ""
except ConfigError as error:
    refusal = str(error)
assert "holds a run" in refusal
assert "--resume" in refusal
assert ConfigError.exit_code == 2

# %% [markdown]
# ## Predict from the terminal
#
# `pdl predict` takes the folder of a run and pictures. It needs no training code and no names of
# classes: they are in the file.

# %%
(work / "photos").mkdir(exist_ok=True)
for name in class_names:
    for number, path in enumerate(sorted((food.test_dir / name).iterdir())[:2], start=1):
        shutil.copy(path, work / f"photos/{name}_{number}{path.suffix}")
table = shell("pdl predict runs/parts photos")
print(table)

# %% [markdown]
# The same from Python, with pictures (`pdl predict --plot FILE` would draw them too):

# %% alt="Six test pictures in a row, two of each dish, each with the likeliest dish and its probability above; wrong ones stand in orange with the true dish below." caption="The model's answers to the six files; orange is wrong."
from pdl.data.images import open_image
from pdl.predict import predict_files

photos = sorted((work / "photos").iterdir())
answers, bad = predict_files(model, photos, class_names)
shares = [dict(zip(each.labels, each.probs, strict=True)) for each in answers]
gallery.plot_images_with_predictions(
    [open_image(path) for path in photos],
    torch.tensor([[share[name] for name in class_names] for share in shares]),
    class_names,
    [class_names.index(path.name.partition("_")[0]) for path in photos],
    columns=6,
)

# %% tags=["check"]
# The command and the function say the same.
for line, answer in zip(table.splitlines(), answers, strict=True):
    assert line.split()[1:3] == [answer.label, f"{answer.prob:.1%}"]
assert not bad

# %% [markdown]
# ## Two processes, one model
#
# Can two processes learn twice as fast? Each takes half of every batch. For the mean loss $L$ over
# a batch that is cut into equal halves,
#
# $$\nabla L = \tfrac{1}{2}\left(\nabla L_0 + \nabla L_1\right)$$
#
# so if the processes average their gradients before each step, both take the step that one process
# would have taken, and their weights stay equal. Four points on $y = 2x$, the model $wx$ with
# $w = 1$, squared error:

# %% [markdown] tags=["checkpoint"]
# The gradient for one point is $2(wx - y)x = -2x^2$. What is it for the points $1, 2$, for $3, 4$,
# and for all four?


# %%
def gradient_of(points):
    w = torch.tensor(1.0, requires_grad=True)
    x = torch.tensor(points)
    ((w * x - 2 * x) ** 2).mean().backward()
    return w.grad.item()


halves = gradient_of([1.0, 2.0]), gradient_of([3.0, 4.0])
together = gradient_of([1.0, 2.0, 3.0, 4.0])
print(halves, "average", sum(halves) / 2, "together", together)

# %% tags=["check"]
# The average of the halves is the gradient of the whole; of unequal parts it is not.
assert halves == (-5.0, -25.0)
assert sum(halves) / 2 == together == -15.0
assert (gradient_of([1.0]) + gradient_of([2.0, 3.0, 4.0])) / 2 != together

# %% [markdown]
# Unequal parts would count wrongly, the mean of batch means once more. So `pdl train` wants a batch
# size that is a multiple of the number of processes.
#
# `torchrun` starts the same program several times. Each process, called a *rank*, learns its number
# from the environment. PyTorch's `DistributedDataParallel` averages the gradients, through `nccl`
# between GPUs and `gloo` between CPUs. Each rank reads its share of the pictures, and rank 0 alone
# prints and saves.

# %%
two = f"-m pdl.{train.removeprefix('pdl ')} --epochs 6 --out runs/two"
begun = perf_counter()
print(shell(f"torchrun --standalone --nproc-per-node 2 {two}"))
took = perf_counter() - begun

# %% tags=["hide-input"] alt="Left: a batch of four points is cut in two. Rank 0 gets points 1 and 2 and computes the gradient minus 5, rank 1 gets 3 and 4 and computes minus 25. Both go to the average, minus 15, and from there the same step goes back to both ranks. Right: the training loss of one process over six epochs as a line, and that of two processes as circles on it." caption="Left: the four points from above. Right: training loss of one process (line) and of two (circles)."
pair = read_run(work / "runs/two").history
_, (ax, losses) = pyplot.subplots(1, 2, figsize=(7.2, 3), width_ratios=[1.7, 1])
places = {
    "batch\n1  2  3  4": (0, 1),
    "rank 0\n1  2: $-5$": (1.3, 1.6),
    "rank 1\n3  4: $-25$": (1.3, 0.4),
    "average\n$-15$": (2.7, 1),
}
paper = {"fc": c["wash"], "ec": c["rule"], "boxstyle": "round,pad=0.4"}
for words, (x, y) in places.items():
    ax.text(x, y, words, ha="center", va="center", fontsize=11, bbox=paper, zorder=3)
arrow = {"arrowstyle": "-|>", "lw": 1.5, "shrinkA": 30, "shrinkB": 34}
batch, *ranks, average = places.values()
for place, bend in zip(ranks, (0.5, -0.5), strict=True):
    ax.annotate("", place, batch, arrowprops=arrow | {"color": c["teal"]})
    ax.annotate("", average, place, arrowprops=arrow | {"color": c["teal"]})
    bow = {"color": c["orange"], "connectionstyle": f"arc3,rad={bend}"}
    ax.annotate("", place, average, arrowprops=arrow | bow)
ax.text(2.6, 1.85, "the same step", color=c["orange"], ha="center", fontsize=11)
ax.set(xlim=(-0.5, 3.2), ylim=(0, 2))
ax.set_axis_off()
rings = {"ls": "", "marker": "o", "mfc": "none", "color": c["orange"], "label": "two"}
losses.plot(range(1, 7), whole["train_loss"][:6], color=c["blue"], label="one process")
losses.plot(range(1, 7), pair["train_loss"], **rings)
losses.set(xlabel="epoch", ylabel="training loss", xticks=range(1, 7))
_ = losses.legend(fontsize=10)
both = zip(pair["train_loss"], whole["train_loss"][:6], strict=True)
gaps = [abs(a - b) for a, b in both]

# %% [markdown]
# The losses of two processes and of one differ by {{ f"{gaps[0]:.0e}" }} after the first epoch, and
# by {{ f"{max(gaps):.0e}" }} at most: sums in another order round differently, and each step magnifies
# that a little. A picture on the border between two dishes may then fall to the other side, so the
# accuracies printed at the end need not be equal. Two processes are worth it when a batch is a lot of work. Here starting them takes
# longer than all the training.

# %% tags=["check"]
# Two processes have the losses of one; what they learned is far more than the difference.
assert gaps[0] < 1e-6
assert max(gaps) < 1e-3
assert pair["train_loss"][0] - pair["train_loss"][-1] > 10 * max(gaps)
assert sum(pair["seconds"]) < took / 2

# %% [markdown]
# ## Recap
#
# - A module defines things and does nothing at import. Keep one copy, and import it.
# - Imports lead downward only. A circle can not be imported.
# - Each file answers one question. `utils` answers none.
# - Types, examples and tests say what a function promises, and machines check them.
# - A program has a main guard, choices with defaults, a folder for each run, and one line for a
#   mistake.
# - Pinned memory helps with `non_blocking` and an accelerator, and not otherwise.
# - Processes that average their gradients learn as one.
#
# ## Exercises
#
# Exercises 2 to 4 are scripts of your own. Give each a function that takes the words after the
# program's name as a list: then a test can call it without a terminal. The file ends with the guard
# and a call with `sys.argv[1:]`.

# %% [markdown] tags=["exercise"] level="warm-up" answer=["above: the set of all parts that stand on `metrics`, directly or by others"]
# ### Exercise 1: who stands on whom?
#
# You mend a bug in `pdl.metrics`. Which parts of the library could behave differently afterwards?
# `graph` has the answer.

# %% tags=["solution"]
above, waiting = set(), ["metrics"]
while waiting:
    part = waiting.pop()
    users = {other for other, below in graph.items() if part in below} - above
    above |= users
    waiting += users
print(sorted(above))

# %% tags=["solution", "check"]
# Whatever trains; the data and the models do not care.
assert {"engine", "train", "cli"} <= above
assert not above & {"data", "models", "checkpoint", "recipe"}

# %% [markdown] tags=["exercise"] level="build" answer=["once: what the first call returned: the folder, and a dict from each class to its count", "again: what the second call returned"]
# ### Exercise 2: get the data
#
# Write `get_data.py`. It makes sure that the pictures are on the machine, and says how many of each
# class there are, and whether they are real. Called twice, it does the work once.


# %% tags=["solution"]
def get_data(words):
    name = words[0] if words else "food_mini"
    found = sources.find(name)  # looks on this machine first, then fetches what is missing
    images = folder.ImageFolderCustom(found.train_dir)
    labels = images.class_to_idx
    counts = {kind: images.targets.count(label) for kind, label in labels.items()}
    print(f"{name}: {found.kind}, {counts}")
    return found.path, counts


once, again = get_data([]), get_data(["food_mini"])

# %% tags=["solution", "check"]
# There are 225 pictures of three dishes; the second call finds the same folder.
assert once == again
assert list(once[1]) == class_names
assert sum(once[1].values()) == 225

# %% [markdown] tags=["exercise"] level="build" answer=["options: reads a list of words and returns the parser's result; by default 5 epochs and 10 hidden units", "places: the folders of training and test pictures, as two texts", "history: what `engine.train` returned for pictures of 32 pixels; 16 epochs, batches of 16 and `--lr 0.003` are enough", "tested: what `engine.test_step` returned on the test pictures", "path: of the file with the weights"]
# ### Exercise 3: options
#
# Write a `train.py` with `argparse`. It takes the folders of training and test pictures, learning
# rate, batch size, epochs, hidden units and picture size. It uses `create_dataloaders`, `TinyVGG`,
# `engine.train` and `save_model`. Every number can be chosen, also the seed.

# %% tags=["solution"]
import argparse
import io
from contextlib import redirect_stderr, redirect_stdout


def options(words):
    parser = argparse.ArgumentParser(prog="train.py")
    parser.add_argument("train_dir", type=Path)
    parser.add_argument("test_dir", type=Path)
    parser.add_argument("--lr", type=float, default=0.001)
    usual = {"batch-size": 32, "epochs": 5, "hidden-units": 10, "image-size": 64}
    usual["seed"] = 42
    for name, number in usual.items():
        parser.add_argument(f"--{name}", type=int, default=number)
    return parser.parse_args(words)


# %% [markdown] tags=["solution"]
# The rest has no option of its own:


# %% tags=["solution"]
def train_script(words):
    chosen = options(words)
    seed.set_seeds(chosen.seed)
    names, _ = folder.find_classes(chosen.train_dir)
    sizes = {"channels": chosen.hidden_units, "image_size": chosen.image_size}
    net = tiny_vgg.TinyVGG(num_classes=len(names), **sizes)
    given = {"transform": net.transform, "batch_size": chosen.batch_size}
    data = loaders.create_dataloaders(chosen.train_dir, chosen.test_dir, **given)
    adam = torch.optim.Adam(net.parameters(), lr=chosen.lr)
    rules = {"optimizer": adam, "loss_fn": nn.CrossEntropyLoss(), "progress": False}
    history = engine.train(net, data.train, data.val, epochs=chosen.epochs, **rules)
    tested = engine.test_step(net, data.test, nn.CrossEntropyLoss())
    path = checkpoint.save_model(net, work / "models", "mine.safetensors")
    return history, tested, path


places = [str(food.train_dir), str(food.test_dir)]
words = ["--image-size", "32", "--epochs", "16", "--batch-size", "16", "--lr", "0.003"]
history, tested, path = train_script([*places, *words])
print(f"validation {history['val_acc'][-1]:.1%}, test {tested.metric:.1%}, {path.name}")

# %% tags=["solution", "check"]
# Options arrive; unknown ones end the program; what was learned and saved beats chance.
assert options([*places, "--lr", "0.1"]).lr == 0.1
assert (options(places).hidden_units, options(places).epochs) == (10, 5)
try:
    with redirect_stderr(io.StringIO()) as scolded:
        options([*places, "--speed", "9"])
except SystemExit as end:
    ended = end.code
assert ended == 2
assert "--speed" in scolded.getvalue()
mine = checkpoint.load_model(tiny_vgg.TinyVGG(num_classes=3, image_size=32), path)
mine_probs, _ = predict_loader(mine, batches.test)
right = tested.metric * 75 + history["val_acc"][-1] * 45
commonest = truth.bincount().max() + val_truth.bincount().max()
assert right > commonest + 3
assert history["train_loss"][-1] < 0.95
assert len(mine_probs.argmax(dim=1).unique()) == 3

# %% [markdown] tags=["solution"]
# Of {{ 75 + 45 }} pictures that it did not learn from, {{ f"{right:.0f}" }} are right; always the
# commonest dish would be right for {{ int(commonest) }}.

# %% [markdown] tags=["exercise"] level="build" answer=["spoken: an `io.StringIO` with what your script prints for the run `runs/parts` and the picture `photos[0]`"]
# ### Exercise 4: `predict.py image.jpeg`
#
# Write it as a file, with imports at the top and a guard, and start it: `python predict.py RUN
# PICTURE` prints the likeliest dish.

# %% tags=["solution"]
script = """\
\"\"\"Say what is on a picture: python predict.py RUN PICTURE\"\"\"

import sys

from pdl.predict import predict
from pdl.trained import load_trained


def main(run, picture):
    model, class_names = load_trained(run)
    best = predict(model, picture, class_names)[0]
    print(f"{best.label} {best.prob:.1%}")


if __name__ == "__main__":
    main(*sys.argv[1:])
"""
_ = (work / "predict.py").write_text(script)

# %% [markdown] tags=["solution"]
# `runpy` starts a file as a terminal does, in the process that runs already:

# %% tags=["solution"]
import runpy

words, sys.argv = sys.argv, ["predict.py", str(work / "runs/parts"), str(photos[0])]
with redirect_stdout(io.StringIO()) as spoken:
    runpy.run_path(str(work / "predict.py"), run_name="__main__")
sys.argv = words
print(spoken.getvalue())

# %% tags=["solution", "check"]
# The script says what the command says.
assert spoken.getvalue().split() == table.splitlines()[0].split()[1:3]

# %% [markdown] tags=["exercise"] level="measure" answer=["finals: a dict from each rate to its last validation loss; `0.0001` is among the rates, and the folders are `work / f\"runs/lr-{lr}\"`", "right_by: a dict from each rate to its last validation accuracy", "best_lr: the rate you choose"]
# ### Exercise 5: three runs, one winner
#
# Start `pdl.train.run` from Python with three learning rates, each in a folder of its own. Choose by
# the validation loss. Why not by the test?

# %% tags=["solution"]
common = {"data": "food_mini", "image_size": 32, "batch_size": 16, "device": "cpu"}
finals, right_by = {}, {}
for lr in (0.0001, 0.001, 0.01):
    recipe = Recipe(out=work / f"runs/lr-{lr}", lr=lr, epochs=8, **common)
    ended = run(recipe, quiet=True).history
    finals[lr], right_by[lr] = ended["val_loss"][-1], ended["val_acc"][-1]
    print(f"lr {lr}: validation loss {finals[lr]:.3f}, {right_by[lr]:.1%} right")
best_lr = min(finals, key=finals.get)
print("best:", best_lr)

# %% tags=["solution", "check"]
# Each run left its own folder with its own settings, and the winner has the lowest loss.
for lr, loss in finals.items():
    noted = read_run(work / f"runs/lr-{lr}")
    assert noted.params["lr"] == lr
    assert noted.history["val_loss"][-1] == loss >= finals[best_lr]
assert finals[best_lr] < 1.0 < finals[0.0001]
assert right_by[best_lr] > 0.42 > val_truth.bincount().max() / 45

# %% [markdown] tags=["solution"]
# A loss near $\ln 3$, about `1.10`, is the price of knowing nothing.
# {{ "Too small a rate has hardly begun after eight epochs." if finals[0.0001] > 1 else "" }}
# {{ "Too large a rate threw the network into one answer for all, as in [chapter 03](03_computer_vision.md)." if finals[0.01] > 1.05 else "" }}
# The winner has {{ f"{finals[best_lr]:.2f}" }}. A rate beside it could be better still, and 45
# pictures are few to tell.
#
# Of three scores on one test set the best is partly luck. Who chooses by it has no picture left
# that could tell how good the choice is.

# %% [markdown]
# ## Where next
#
# The script takes `--model efficientnet_lite0` too, a network that has seen a million pictures.
# [The next chapter](06_transfer_learning.md) is about what that does. The API pages of what appeared here:
# [`pdl.train`](../api/train.md), [`pdl.recipe`](../api/recipe.md),
# [`pdl.trained`](../api/trained.md), [`pdl.ranks`](../api/ranks.md),
# [`pdl.predict`](../api/predict.md), [`pdl.cli`](../api/cli.md),
# [`pdl.engine`](../api/engine.md), [`pdl.data.loaders`](../api/data.loaders.md),
# [`pdl.checkpoint`](../api/checkpoint.md) and [`pdl.tracking`](../api/tracking.md).
#
# Worth reading besides: the Python tutorial on
# [modules](https://docs.python.org/3/tutorial/modules.html), PyTorch on
# [`torchrun`](https://docs.pytorch.org/docs/stable/elastic/run.html), and its
# [guide to pinned memory](https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html).
