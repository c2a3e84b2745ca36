# ---
# title: Transfer learning
# description: A network that has seen a million pictures learns three dishes from 180 more, in seconds.
# order: 7
# level: intermediate
# needs: [05_going_modular]
# gives: [pretrained models, their transforms, feature extraction, frozen BatchNorm, fine-tuning, what probabilities mean]
# minutes: 75
# data: [{name: food_mini}, {name: fashion_mnist}]
# seed: 42
# ---
# %% [markdown]
# # Transfer learning
#
# The networks of the last chapters began with random numbers and had 180 pictures to learn from.
# Here one begins with the numbers of a network that was trained on a million pictures. Only its
# last layer is new, and that layer learns its job in a second.

# %% tags=["hide-input"] name="result" alt="Left: validation accuracy over 20 epochs for TinyVGG from random numbers, and for a pretrained network with a new last layer, which is high after a few epochs. Right: a pizza, a steak and a plate of sushi, each with the dish that the pretrained network takes it for." caption="The same 180 pictures to learn from, the same 45 to measure on. Right: three test pictures and the answers of the pretrained network; orange is wrong."
import torch
from matplotlib import pyplot
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from pdl import engine, gallery, plotting
from pdl.data import folder, memory, sources
from pdl.errors import DataError
from pdl.models import backbone, tiny_vgg
from pdl.predict import predict

plotting.use_style()
c = plotting.COLORS
food = sources.find("food_mini")
real = food.kind == "real"
try:  # EfficientNet-B0 where its weights can be had, else its small relative from a package
    model = backbone.create_backbone("efficientnet_b0", num_classes=3, seed=42)
except DataError:
    model = backbone.create_backbone("efficientnet_lite0", num_classes=3, seed=42)
model = model.to(memory_format=torch.channels_last)
plates = folder.ImageFolderCustom(food.train_dir, transform=model.transform)
features, labels = backbone.extract_features(model, DataLoader(plates, batch_size=5))
tiny_pictures = memory.load_images(folder.ImageFolderCustom(food.train_dir), image_size=32)
training = {"loss_fn": nn.CrossEntropyLoss(), "epochs": 20, "progress": False}
by_pixel = {"channels_last": True}
centered = {"transform": lambda pixels: (pixels.float() / 255 - 0.5) / 0.25}


def fit_tiny(learn, aside, seed):
    torch.manual_seed(seed)
    tiny = tiny_vgg.TinyVGG(num_classes=3, image_size=32)
    chance = {"batch_size": 16, "shuffle": True, "seed": seed}
    learner = memory.InMemoryLoader(tiny_pictures, indices=learn, **chance, **centered)
    val = memory.InMemoryLoader(tiny_pictures, indices=aside, **centered)
    adam = torch.optim.Adam(tiny.parameters(), lr=0.003)
    return engine.train(tiny, learner, val, optimizer=adam, **training, **by_pixel)


parts = [i for i in range(225) if i % 5], list(range(0, 225, 5))
kept = [TensorDataset(features[part], labels[part]) for part in parts]
learner, val = DataLoader(kept[0], batch_size=32, shuffle=True), DataLoader(kept[1], 45)
torch.manual_seed(42)
adam = torch.optim.Adam(model.head.parameters(), lr=0.001)
headed = engine.train(model.head, learner, val, optimizer=adam, **training)
runs = {"TinyVGG from scratch": fit_tiny(*parts, 0), "pretrained, new head": headed}
shape = {"figsize": (7.2, 2.5), "width_ratios": [2.2, 1, 1, 1]}
figure, (ax, *panels) = pyplot.subplots(1, 4, **shape)
for (name, run), color in zip(runs.items(), ("orange", "teal"), strict=True):
    shares = [100 * share for share in run["val_acc"]]
    ax.plot(range(1, 21), shares, color=c[color], label=name)
ax.set(xlabel="epoch", ylabel="validation accuracy (%)", ylim=(0, 103), xticks=[1, 10, 20])
ax.legend(fontsize=9, loc="lower right")
for ax, name in zip(panels, plates.classes, strict=True):
    path = sorted((food.test_dir / name).iterdir())[3]
    answer = predict(model, path, plates.classes)[0]
    gallery.show(ax, Image.open(path))
    ink = {"color": c["ink"] if answer.label == name else c["orange"]}
    ax.set_title(f"{answer.label}\n{answer.prob:.0%}", fontsize=11, loc="center", **ink)

# %% [markdown] covers=["06.03"]
# **You will** look at what a trained network sees, treat pictures as its authors did, weigh seven
# networks against each other, take one apart, give it a new head, train that head, tune more of the
# network with care, and find out what the probabilities mean.
#
# **You need** [the modules of the last chapter](05_going_modular.md): loaders
# ([`pdl.data.loaders`](../api/data.loaders.md)), the loop ([`pdl.engine`](../api/engine.md)),
# curves ([`pdl.plotting`](../api/plotting.md)) and predictions
# ([`pdl.predict`](../api/predict.md)).
#
# **It takes** no GPU. The trained network of this page is `{{ model.name }}`; its weights
# {{ "were fetched from torchvision's server" if model.name == "efficientnet_b0" else "come as a package, together with this book; with the internet it would be EfficientNet-B0" }}.
# The pictures are
# {{ "photos" if real else "drawings, since the photos could not be had" }}.

# %% [markdown] covers=["06.01"]
# ## What it is, and why
#
# *Transfer learning* takes what a model learned on one task as the start of another. It works for
# two reasons.
#
# 1. **Much of the work is the same.** To tell a thousand things apart, a network needs edges,
#    colors, textures, shapes. Your dishes have those too.
# 2. **Your pictures are few.** A hundred can not teach all that. They can teach which of it matters.
#
# Such a network without its last layer is a *backbone*. It makes a row of
# {{ f"{model.num_features:,}" }} numbers out of a picture, its *features*. Ours learned on ImageNet:
# more than a million photos of 1,000 kinds of things. Pizza is one of them; steak and sushi are not.
# Do its features know our dishes anyway? We take each of the
# 225 training pictures and look for the one whose features point most nearly in the same direction.

# %% [markdown] tags=["checkpoint"]
# No training at all. How often is the nearest other picture of the same dish? Guess for features,
# and for plain pixels.


# %%
def nearest(rows):
    rows = rows.flatten(1)
    directions = nn.functional.normalize(rows - rows.mean(dim=0))
    likeness = directions @ directions.T
    likeness.fill_diagonal_(-1)  # not itself
    return likeness.argsort(dim=1, descending=True)


def with_error(hits):
    share = hits.float().mean().item()
    return share, (share * (1 - share) / len(hits)) ** 0.5  # the standard error


pixels = tiny_pictures.data.float()
same = {}
for name, rows in (("pixels", pixels), ("features", features)):
    same[name] = labels[nearest(rows)[:, 0]] == labels
    print("{:8} same dish: {:.1%} ± {:.1%}".format(name, *with_error(same[name])))

# %% tags=["hide-input"] alt="Three rows, one for each dish: a training picture, the four whose features are most like its own, most of them of the same dish, and two points with error bars: how often the nearest picture shows the same dish, by features and by pixels." caption="Left: a picture, and the four that the backbone finds most like it; orange is another dish. Right: how often the nearest picture is of the same dish, for all pictures of that dish, with the standard error."
order = nearest(features)
classes = plates.classes
shape = {"figsize": (7.2, 4.2), "width_ratios": [1, 1, 1, 1, 1, 1.7]}
figure, rows = pyplot.subplots(3, 6, **shape)
for (*row, end), first in zip(rows, (4, 100, 160), strict=True):
    mine = labels == labels[first]
    for y, (name, ink) in enumerate((("features", "teal"), ("pixels", "orange"))):
        share, error = with_error(same[name][mine])
        end.errorbar(100 * share, y, xerr=100 * error, fmt="o", color=c[ink], capsize=3)
        end.text(3, y, name, color=c[ink], fontsize=9, va="center")
    end.set(xlim=(0, 100), ylim=(1.8, -0.8), yticks=[], xticks=[0, 50, 100])
    for ax, index in zip(row, (first, *order[first, :4].tolist()), strict=True):
        gallery.show(ax, plates.load_image(index))
        other = labels[index] != labels[first]
        ink = {"color": c["orange"] if other else c["ink"]}
        ax.set_title(classes[labels[index]], fontsize=11, loc="center", **ink)
_ = rows[-1, -1].set_xlabel("same dish (%)", fontsize=10)

# %% tags=["check"]
# The features know the dishes without a label, far above chance, no worse than pixels do.
shares = {name: with_error(hits)[0] for name, hits in same.items()}
assert shares["features"] > 78 / 225 + 0.2
assert shares["features"] >= shares["pixels"]

# %% [markdown]
# So the dishes already lie apart. All that is left is to say where the borders run, and for that a
# single linear layer may do.
#
# ## Where such models are

# %% [markdown] covers=["06.02"] corrects=["12"]
# | place | what is there | how |
# |---|---|---|
# | [torchvision](https://docs.pytorch.org/vision/stable/models.html) and the other domain libraries | some dozens of architectures, weights with their transforms | `torchvision.models` |
# | [timm](https://huggingface.co/docs/timm) | over a thousand image models, one interface | `timm.create_model` |
# | [Hugging Face Hub](https://huggingface.co/models) | models of all kinds, each with a page | `transformers`, `huggingface_hub` |
# | code of a paper | the authors' own | Papers with Code listed it until 2025; search for the title |
#
# A very large model that was trained on very much and serves as a start for many tasks is called a
# *foundation model*. Read its card before use: what it learned from, and under which licence.
#
# ## Set up

# %%
import copy
import tempfile
import warnings
from pathlib import Path
from time import perf_counter

import torchinfo
from torchvision import models
from torchvision.transforms import v2

from pdl.data import loaders
from pdl.info import info

print(info())

# %% [markdown] covers=["06.04"]
# The pictures are those of [chapter 04](04_custom_datasets.md): a folder for each part, in it one
# for each class.

# %%
image_path = food.path
train_dir, test_dir = image_path / "train", image_path / "test"
class_names = folder.find_classes(train_dir)[0]
print(class_names)

# %% [markdown] covers=["06.05"] corrects=["75"]
# ## Treat pictures as the authors did
#
# A trained network expects pictures like those of its training: the same size, the same range of
# numbers. The rule is *the same transform as in pretraining*. By hand, for a network of
# torchvision's that learned on ImageNet:

# %%
manual_transforms = v2.Compose(
    [
        v2.Resize((224, 224)),
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    ]
)

# %% [markdown] covers=["06.07"]
# The two rows of numbers are mean and spread of red, green and blue over ImageNet. But need one
# know them? Weights carry their own transform. `DEFAULT` stands for the best there are; for B0 that
# is `IMAGENET1K_V1`. A string does too: `weights="DEFAULT"`.

# %%
weights = models.EfficientNet_B0_Weights.DEFAULT
auto_transforms = weights.transforms()
print(weights)
print(auto_transforms)

# %% [markdown] tags=["checkpoint"]
# Both give 224 by 224 pixels with the same normalization. Do they give the same picture?

# %% alt="The same wide picture of food three times. The original; the manual transform, which squeezes it into a square; and the automatic one, which keeps the shape and cuts off the sides." caption="A wide picture, made 224 by 224 in two ways."
plate = plates.load_image(4)
wide = plate.resize((320, 192))
tensors = [transform(wide) for transform in (manual_transforms, auto_transforms)]
apart = (tensors[0] - tensors[1]).abs().mean().item()
figure, panels = pyplot.subplots(1, 3, figsize=(7.2, 2.6), width_ratios=[5 / 3, 1, 1])
shown = [wide, *((tensor * 0.226 + 0.449).clip(0, 1) for tensor in tensors)]  # colors again
for ax, picture, title in zip(panels, shown, ("picture", "manual", "auto"), strict=True):
    gallery.show(ax, picture)
    ax.set_title(title, fontsize=12, loc="center")

# %% [markdown] tags=["number"] row="N16"
# {{ f"resize {auto_transforms.resize_size[0]}, crop {auto_transforms.crop_size[0]}, {auto_transforms.interpolation.value}; mean {auto_transforms.mean}, std {auto_transforms.std}" }}

# %% [markdown] corrects=["85"]
# No. The manual one squeezes; the automatic one makes the short side 256, keeps the shape, and cuts
# 224 out of the middle. That, with bicubic interpolation, is how B0 was *evaluated* when its
# accuracy was published. On a square picture the difference is smaller.

# %% tags=["check"]
# B0's own transform is resize 256, crop 224, bicubic; the manual one differs from it.
assert weights is models.EfficientNet_B0_Weights.IMAGENET1K_V1
assert (auto_transforms.resize_size, auto_transforms.crop_size) == ([256], [224])
assert auto_transforms.interpolation is v2.InterpolationMode.BICUBIC
assert auto_transforms.mean == manual_transforms.transforms[-1].mean
assert all(tensor.shape == (3, 224, 224) for tensor in tensors)
upright = plate.resize((200, 200))
square = [transform(upright) for transform in (manual_transforms, auto_transforms)]
assert 0 < (square[0] - square[1]).abs().mean().item() < apart

# %% [markdown] tags=["wrong"] corrects=["82"]
# **"All pretrained models expect input normalized in the same way."** An old page said so, and the
# notes repeat it. Ask the weights instead:

# %%
for name in ("efficientnet_b0", "efficientnet_b2", "efficientnet_v2_s", "vit_b_16"):
    preset = models.get_model_weights(name).DEFAULT.transforms()
    sizes = f"resize {preset.resize_size[0]}, crop {preset.crop_size[0]}"
    print(f"{name:18} {sizes}, {preset.interpolation.value}")
for step in backbone.eval_transform("efficientnet_lite0").transforms:
    if isinstance(step, v2.Normalize):
        print("efficientnet_lite0 mean", step.mean, "std", step.std)

# %% tags=["check"]
# Sizes, interpolations and normalizations differ between networks.
assert backbone.eval_transform("efficientnet_b2").crop_size == [288]
assert preset.interpolation is v2.InterpolationMode.BILINEAR
assert preset.mean != backbone.eval_transform("efficientnet_lite0").transforms[-1].mean

# %% [markdown] covers=["06.06"] corrects=["80"]
# So our loaders take the model's own transform. They want *directories*; the notes passed
# `train_dir=train_data`, a data set, and that fails.

# %%
batches = loaders.create_dataloaders(
    train_dir=train_dir, test_dir=test_dir, transform=model.transform, batch_size=32
)
images, targets = next(iter(batches.train))
print(images.shape, targets.shape, batches.class_names)
try:
    loaders.create_dataloaders(train_dir=plates, test_dir=test_dir)
except TypeError as error:
    refused = str(error)
    print(refused)

# %% tags=["check"]
# A batch is (32, 3, 224, 224), and a data set is no directory.
assert images.shape == (32, 3, 224, 224)
assert "ImageFolderCustom" in refused

# %% [markdown] tags=["wrong"] corrects=["90"]
# **A setting that goes nowhere.** The notes set `num_workers` to the number of cores, and then do
# not pass it. No error says so; the loader just works alone. And they take three pictures a batch:

# %%
num_workers = 2
three = {"train_dir": train_dir, "test_dir": test_dir, "batch_size": 3}
alone = loaders.create_dataloaders(**three).train
helped = loaders.create_dataloaders(**three, num_workers=num_workers).train
print(f"workers: {alone.num_workers}; when passed: {helped.num_workers}")

# %% [markdown]
# {{ f"{len(alone)}" }} steps an epoch instead of {{ f"{len(batches.train)}" }}, each by the
# gradient of three pictures: that follows chance more than the dishes. What you set, print from the
# object that should have got it.

# %% tags=["check"]
# A name that is not passed changes nothing; one that is passed does.
assert alone.num_workers == 0 < helped.num_workers
assert len(alone) == 60 > len(batches.train) == 6

# %% [markdown] covers=["06.08"]
# ## Which model?
#
# Three things pull in different directions: *speed*, *size* and *accuracy*. On a phone the first
# two count, on a server perhaps only the third. We measure speed and size here. The accuracy on
# ImageNet is the one that torchvision publishes with the weights.
#
# A *FLOP* is one operation with decimal numbers; a multiplication with its addition counts as one
# here, as in torchvision's own table. On PyTorch's device `meta`, tensors have a shape and no
# numbers, so that we can count without computing.


# %%
from torch.utils.flop_counter import FlopCounterMode


def count_gflops(name, size):
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        models.get_model(name).eval()(torch.empty(1, 3, size, size))
    return counter.get_total_flops() / 2e9


def milliseconds(network, size, times=2):
    picture, taken = torch.zeros(1, 3, size, size), []
    with torch.inference_mode():
        for _ in range(times):
            start = perf_counter()
            network(picture)
            taken.append(perf_counter() - start)
    return 1000 * min(taken)  # the other was disturbed


# %% [markdown] tags=["checkpoint"]
# ResNet-50 has nearly five times the parameters of EfficientNet-B0. Does it take five times as long?
# Is it much more accurate?

# %%
names = "mobilenet_v3_small mobilenet_v3_large efficientnet_b0 efficientnet_b2"
names += " resnet18 resnet50 vit_b_16"
facts = {}
print("                    parameters  GFLOPs     MB      ms  top-1")
for name in names.split():
    network = models.get_model(name, weights=None).eval()
    published = models.get_model_weights(name).DEFAULT
    size = published.transforms().crop_size[0]
    params = sum(p.numel() for p in network.parameters())
    megabytes = sum(t.nbytes for t in network.state_dict().values()) / 1e6
    accuracy = published.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    row = (
        params,
        count_gflops(name, size),
        megabytes,
        milliseconds(network, size),
        accuracy,
    )
    facts[name] = row
    print("{:18} {:11,} {:7.2f} {:6.1f} {:7.1f} {:5.1f}%".format(name, *row))
ours = (milliseconds(model.eval(), 224), sum(p.numel() for p in model.parameters()))

# %% tags=["hide-input"] alt="A scatter plot of seven networks. Across: milliseconds for a picture on this machine, on a logarithmic axis. Up: published ImageNet accuracy. The area of each disc is the size in megabytes. The MobileNets are small, fast and less accurate, the EfficientNets small and accurate; the Vision Transformer is the slowest and largest. A dotted line marks the network of this page." caption="Speed, size and accuracy at once. Up and to the left is better, and so is small. Dotted: the network of this page."
_, ax = pyplot.subplots(figsize=(7.2, 3.8))
for name, (_, _, megabytes, ms, accuracy) in facts.items():
    family = {"efficientnet": "teal", "mobilenet": "blue"}.get(name.split("_")[0], "orange")
    color = c[family]
    ax.scatter(ms, accuracy, s=4 * megabytes, color=color, alpha=0.55, lw=0)
    far = 4 + megabytes**0.5
    look = {"textcoords": "offset points", "fontsize": 10, "va": "center"}
    if name in {"vit_b_16", "efficientnet_b2"}:
        far, look["ha"] = -far, "right"
    ax.annotate(name, (ms, accuracy), xytext=(far, 0), **look)
ax.axvline(ours[0], color=c["muted"], ls=":")
ax.set_xscale("log")
ax.set_xticks([10, 20, 50, 100, 200, 500], ["10", "20", "50", "100", "200", "500"])
ax.minorticks_off()
_ = ax.set(xlabel="milliseconds for a picture", ylabel="ImageNet top-1 (%)", ylim=(66, 84))

# %% [markdown] corrects=["84"]
# ResNet-50 takes {{ f"{facts['resnet50'][3] / facts['efficientnet_b0'][3]:.1f}" }} times as long as
# EfficientNet-B0, for {{ f"{facts['resnet50'][4] - facts['efficientnet_b0'][4]:.1f}" }} points more; and
# those are owed to a newer way of training, without which it had
# {{ "{acc@1:.1f}%".format(**models.ResNet50_Weights.IMAGENET1K_V1.meta["_metrics"]["ImageNet-1K"]) }}.
#
# The number of parameters does not tell the time: MobileNet-v3-large has
# {{ f"{facts['mobilenet_v3_large'][0] / facts['efficientnet_b0'][0]:.2f}" }} times the parameters of
# EfficientNet-B0, {{ f"{facts['mobilenet_v3_large'][1] / facts['efficientnet_b0'][1]:.2f}" }} times
# its FLOPs, and took {{ f"{facts['mobilenet_v3_large'][3] / facts['efficientnet_b0'][3]:.2f}" }}
# times as long. What counts is how often each parameter is used (the FLOPs), how much memory has to
# be moved, and how well the machine's kernels fit. So measure, on the machine that will run it.

# %% tags=["check"]
# Counted FLOPs are torchvision's; more parameters can go with fewer of them.
for name, row in facts.items():
    meta = models.get_model_weights(name).DEFAULT.meta
    assert row[0] == meta["num_params"]
    assert abs(row[1] - meta["_ops"]) < 0.01 * meta["_ops"] + 0.001
assert facts["mobilenet_v3_large"][0] > facts["efficientnet_b0"][0]
assert facts["mobilenet_v3_large"][1] < 0.6 * facts["efficientnet_b0"][1]

# %% [markdown] corrects=["83"]
# What about B1 to B7? A larger number is not just "deeper". EfficientNets grow by *compound
# scaling*: depth, width and resolution together.

# %%
grown = []
for name in ("efficientnet_b0", "efficientnet_b4", "efficientnet_b7"):
    with torch.device("meta"):
        network = models.get_model(name, weights=None)
    blocks = sum(type(part).__name__ == "MBConv" for part in network.modules())
    width = network.classifier[1].in_features
    size = models.get_model_weights(name).DEFAULT.transforms().crop_size[0]
    grown.append((blocks, width, size))
    print(f"{name}: {blocks} blocks, {width} features, pictures of {size} pixels")

# %% [markdown]
# Richard Sutton's
# [The Bitter Lesson](http://www.incompleteideas.net/IncIdeas/BitterLesson.html) says that general
# methods with more computing beat clever ones in the end. Pretrained networks let you use computing
# that others have paid for. Begin with a small one: you will see soon whether it is good enough.

# %% tags=["check"]
# From B0 to B7 depth, width and resolution grow.
assert all(a < b < z for a, b, z in zip(*grown, strict=True))
assert grown[0][:2] == (16, 1280)

# %% [markdown] tags=["wrong"] covers=["06.09"]
# **`pretrained=True`.** Old code has it. Since torchvision `0.13` a network can have several sets of
# weights, and `weights=` names one. The old word still works, and complains:

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    models.resnet18(pretrained=False)
complaint = str(caught[0].message)
print(complaint)

# %% tags=["check"]
# The old argument warns.
assert "deprecated since 0.13" in complaint

# %% [markdown] covers=["06.10", "06.13"] corrects=["92"]
# ## EfficientNet-B0, taken apart
#
# We build the network, here without its weights: the shape is the same, and a fetch of 21 megabytes
# less. With the internet, it is `models.efficientnet_b0(weights=weights)`. `torchinfo` needs
# `input_size` to know shapes (not `input_shape`, and without it there are none).


# %%
def report(network):
    return torchinfo.summary(
        network,
        input_size=(1, 3, 224, 224),
        col_names=["input_size", "output_size", "num_params", "trainable"],
        col_width=18,
        row_settings=["var_names"],
        depth=2,
        verbose=0,
    )


torch.manual_seed(42)
b0 = models.efficientnet_b0(weights=None)
print(str(report(b0)).partition("Total mult-adds")[0])  # the table above has them

# %% [markdown]
# Three parts. `features` turns the picture into 1,280 small maps. `avgpool` takes the mean of each
# map: a row of 1,280 numbers. Together they are our *backbone*. `classifier`, the *head*, turns that into scores for
# the 1,000 classes of ImageNet.

# %% tags=["hide-input"] alt="A row of upright bars, one for each stage of EfficientNet-B0. Their height, the side of the maps, shrinks from 224 to 7 and then to 1; the number of maps grows from 3 to 1280. The last bar is the classifier with 1000 scores." caption="The way of a picture through B0. Height: side of the maps in pixels. Below: how many maps."
steps = [("picture", 3, 224)]
flow = torch.zeros(1, 3, 224, 224)
with torch.inference_mode():
    for number, stage in enumerate(b0.eval().features):
        flow = stage(flow)
        steps.append((str(number), flow.shape[1], flow.shape[2]))
steps += [("avgpool", 1280, 1), ("classifier", 1000, 1)]
_, ax = pyplot.subplots(figsize=(7.2, 2.9))
for x, (name, channels, side) in enumerate(steps):
    color = "teal" if name.isdigit() else {"classifier": "orange"}.get(name, "blue")
    ax.bar(x, max(side, 2), width=0.7, color=c[color])
    ax.text(x, side + 6, side, ha="center", fontsize=10)
    ax.text(x, -14, f"{channels:,}", ha="center", va="top", fontsize=10)
    ax.text(x, -40, name, ha="center", va="top", fontsize=9, color=c["muted"])
ax.text(5, 190, "features", color=c["teal"], ha="center", fontsize=12)
ax.set(ylim=(-58, 250))
ax.set_axis_off()

# %% [markdown] covers=["06.14"]
# ### Freeze, and change the head
#
# To *freeze* a parameter is to say that it needs no gradient. The optimizer then leaves it alone.

# %%
before = sum(p.numel() for p in b0.parameters() if p.requires_grad)
for parameter in b0.features.parameters():
    parameter.requires_grad = False

# %% [markdown] covers=["06.15"]
# The old head was `Dropout(0.2, inplace=True)` and `Linear(1280, 1000)`. Ours has three outputs. A
# new layer needs gradients by itself. The order matters: build, freeze, new head, and then once
# `.to(device)`, because a new layer begins on the CPU.

# %%
device = "cpu"  # or "cuda", "mps"
print(b0.classifier)
torch.manual_seed(42)
b0.classifier = nn.Sequential(
    nn.Dropout(p=0.2, inplace=True),
    nn.Linear(in_features=1280, out_features=len(class_names)),
)
b0 = b0.to(device)

# %% [markdown] tags=["checkpoint"] covers=["06.16"]
# How many parameters will be trained? Each output has a weight for each of 1,280 features, and a
# bias.


# %%
def counts(network):
    sizes = [(p.numel(), p.requires_grad) for p in network.parameters()]
    return sum(n for n, _ in sizes), sum(n for n, trains in sizes if trains)


total, trainable = counts(b0)
print(f"before: {before:,} trainable")
print(f"after:  {trainable:,} trainable, {total - trainable:,} frozen, {total:,} in all")

# %% tags=["check"]
# 5,288,548 before; 3,843 + 4,007,548 = 4,011,391 after; the library makes the same network.
assert before == 5_288_548
assert (trainable, total) == (1280 * 3 + 3, 4_011_391) == (3_843, 4_011_391)
theirs = backbone.create_backbone("efficientnet_b0", 3, pretrained=False, freeze=True)
assert counts(theirs) == (total, trainable)
theirs.features.load_state_dict(b0.state_dict(), strict=False)
theirs.head.load_state_dict(b0.classifier.state_dict())
with torch.inference_mode():
    torch.testing.assert_close(theirs.eval()(images[:2]), b0.eval()(images[:2]))

# %% [markdown] tags=["number"] row="N14"
# {{ f"{before:,}" }}

# %% [markdown] tags=["number"] row="N15"
# {{ f"{trainable:,}" }}

# %% [markdown] tags=["wrong"] corrects=["79"]
# **"Make sure that the model is on the device."** Under that heading the notes built the model
# *again*, after freezing and after the new head:

# %%
again = models.efficientnet_b0(weights=None).to(device)
print("{:,} in all, {:,} trainable".format(*counts(again)), again.classifier[1])

# %% [markdown] corrects=["81"]
# All gone: 1,000 classes, everything trainable. That is also where the notes' "frozen"
# {{ f"{before:,}" }} comes from. It is the total of the *unfrozen* network.

# %% tags=["check"]
# A model built anew knows nothing of what was done to the old one.
assert counts(again) == (before, before)

# %% [markdown]
# Does dropout with `p=0.2` set a fifth of the numbers to zero, as the notes say?

# %%
dropout, ones = nn.Dropout(p=0.2), torch.ones(10)
torch.manual_seed(4)
dropped = [dropout.train()(ones), dropout(ones), dropout.eval()(ones)]
for mode, numbers in zip(("train", "train", "eval"), dropped, strict=True):
    print(f"{mode:5}", numbers.tolist())

# %% [markdown] corrects=["86"]
# Only in train mode, others each time, each with that *probability*; and what stays is divided by
# 0.8, so that the sum stays the same in the mean. In eval mode it does nothing.

# %% tags=["check"]
# Dropout draws anew, scales by 1/0.8, and rests in eval mode.
assert set(torch.stack(dropped[:2]).unique().tolist()) == {0.0, 1.25}
assert not torch.equal(dropped[0], dropped[1])
assert torch.equal(dropped[2], ones)

# %% [markdown] covers=["06.12"]
# ## Three ways to use it
#
# | | backbone | head | learning rate | when |
# |---|---|---|---|---|
# | as it is | unchanged | unchanged | none | your classes are among its own |
# | *feature extraction* | frozen | new, trained | usual | few pictures, like those it knows |
# | *fine-tuning* | trained a little, from the output backwards | new, trained first | ten times smaller and less | more pictures, or unlike those it knows |

# %% [markdown] covers=["06.11"] corrects=["91"]
# "Only the input and the output layer change" is a common way to put it. The input layer does not:
# your pictures are made to fit it. And the head need not be a classifier. A detector, which says
# *where* things are, keeps the 7 by 7 maps of `features` and puts a head of its own on them; for
# Faster R-CNN torchvision has a `weights_backbone=` of its own.

# %% [markdown]
# ## Feature extraction
#
# Now in earnest, with trained weights.
# [`create_backbone`][pdl.models.backbone.create_backbone] does what we did by hand, for
# {{ len(backbone.BACKBONES) }} networks, and our `{{ model.name }}` is one of its making. (Lite0 is
# B0 without the parts that phones find hard, and with simpler activations.)

# %%
total, trainable = counts(model)
print(f"{model.name}: {trainable:,} of {total:,} parameters are trained")

# %% [markdown]
# ### Once is enough
#
# A frozen backbone gives the same features for the same picture, in every epoch. So show it every
# picture *once*, keep the features, and train the head on those.

# %%
test_data = folder.ImageFolderCustom(test_dir, transform=model.transform)
test_loader = DataLoader(test_data, batch_size=5)
model.eval()
start = perf_counter()
with torch.no_grad():
    test_features = torch.cat([model.forward_features(X) for X, _ in test_loader])
per_picture = (perf_counter() - start) / len(test_data)
test_labels = torch.tensor(test_data.targets)
print(test_features.shape, f"{1000 * per_picture:.0f} ms a picture")

# %% [markdown]
# [`extract_features`][pdl.models.backbone.extract_features] is this in one call. The first cell of
# this page did it for the training pictures. Does a head that learns from kept features learn the
# same as one that sees the pictures? We take three batches and let both learn, without dropout:

# %%
torch.manual_seed(42)
slow_head = nn.Linear(model.num_features, 3)
fast_head = copy.deepcopy(slow_head)
for start in range(3):
    chosen = list(range(start, 225, 25))
    X = torch.stack([plates[index][0] for index in chosen])
    for head, rows in (
        (slow_head, model.forward_features(X)),
        (fast_head, features[chosen]),
    ):
        loss = nn.functional.cross_entropy(head(rows), labels[chosen])
        sgd = torch.optim.SGD(head.parameters(), lr=0.01)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
    print(f"batch {start}: loss {loss.item():.4f}")

# %% tags=["check"]
# The same weights after three steps, whether from pictures or from kept features.
torch.testing.assert_close(slow_head.weight, fast_head.weight, atol=1e-4, rtol=1e-3)
torch.testing.assert_close(slow_head.bias, fast_head.bias, atol=1e-4, rtol=1e-3)
few = [(X, labels[chosen])]
close = {"atol": 1e-3, "rtol": 1e-3}
once_more = backbone.extract_features(model, few)[0]
torch.testing.assert_close(once_more, features[chosen], **close)

# %% [markdown]
# The weights are equal. The price: random augmentation gives other pixels each time, so one would
# have to keep the features of several versions, or none.

# %% [markdown] covers=["06.17"] corrects=["88"]
# ### Train the head
#
# Cross-entropy and Adam with `lr=0.001`. The notes took SGD with `lr=0.01` and ten epochs
# (exercise 4 compares). The optimizer gets the parameters of the head *and no others*. It would
# skip the frozen ones anyway; this way the code says what is trained. Five seeds, each with another fifth set aside to measure on,
# as in chapter 04; and a timer.


# %%
def fifths(seed):
    aside = list(range(seed, 225, 5))
    return [index for index in range(225) if index not in aside], aside


def fit_head(learn, aside, seed, *, epochs=20, optimizer=torch.optim.Adam, lr=0.001):
    torch.manual_seed(seed)
    head = nn.Sequential(nn.Dropout(0.2), nn.Linear(model.num_features, 3))
    pairs = [TensorDataset(features[part], labels[part]) for part in (learn, aside)]
    learner = DataLoader(pairs[0], batch_size=32, shuffle=True)
    val = DataLoader(pairs[1], batch_size=45)
    rule = training | {"optimizer": optimizer(head.parameters(), lr=lr), "epochs": epochs}
    return head, engine.train(head, learner, val, **rule)


start = perf_counter()
fits = [fit_head(*fifths(seed), seed) for seed in range(5)]
seconds = (perf_counter() - start) / 5
print(f"{seconds:.2f} s for 20 epochs")

# %% [markdown]
# With the pictures instead of kept features, 20 epochs would have taken some
# {{ f"{20 * 225 * per_picture:.0f} seconds" }} a seed. Now the test set. We choose
# nothing by it; below we only look at its pictures again:


# %%
def share_right(network, rows, truth):
    network.eval()
    with torch.inference_mode():
        return (network(rows).argmax(dim=1) == truth).float().mean().item()


val_accs = [history["val_acc"][-1] for _, history in fits]
test_accs = [share_right(head, test_features, test_labels) for head, _ in fits]
for seed, (val_acc, test_acc) in enumerate(zip(val_accs, test_accs, strict=True)):
    print(f"seed {seed}: validation {val_acc:.1%}, test {test_acc:.1%}")
mean, spread = torch.tensor(test_accs).mean().item(), torch.tensor(test_accs).std().item()
brief = fit_head(list(range(225)), fifths(0)[1], 42, epochs=5)[0]  # as in the course
brief_acc = share_right(brief, test_features, test_labels)

# %% [markdown] tags=["number"] row="06 five epochs"
# {{ f"{brief_acc:.4f}" }}

# %% [markdown]
# Test accuracy {{ f"{mean:.1%}" }}, give or take {{ f"{100 * spread:.1f}" }} points from seed to
# seed. One of 75 pictures is {{ f"{100 / 75:.1f}" }} points, and with so few, another 75 would give
# another number. {{ "The drawings are easy: they differ in ways that no photo would." if not real else f"Always saying sushi would give {31 / 75:.1%}." }}
#
# The course that the notes follow, [learnpytorch.io](https://www.learnpytorch.io/06_pytorch_transfer_learning/),
# trains the head of B0 on all 225 pictures for five epochs, and gets `0.8561` on the 75 test photos.
# A head of {{ model.name }} gets {{ f"{brief_acc:.4f}" }} in that way.

# %% tags=["check"]
# Every seed is far above chance and names all dishes; with Lite0 and photos all reach 80 %.
assert min(test_accs) > 31 / 75 + 0.2
assert min(test_accs) >= 0.8 or model.name != "efficientnet_lite0"
for head, _ in fits:
    assert head(test_features).argmax(dim=1).unique().tolist() == [0, 1, 2]

# %% [markdown] covers=["06.18"]
# The curves of the first seed, with [`plot_loss_curves`][pdl.plotting.plot_loss_curves]:

# %% alt="Two panels over 20 epochs. Training and validation loss fall fast and then slowly, the training loss ending below the validation loss. Training and validation accuracy rise within a few epochs." caption="Feature extraction, seed 0. Nearly all is learned in the first epochs."
plotting.plot_loss_curves(fits[0][1])

# %% [markdown] tags=["wrong"]
# **Another transform.** What does it cost to forget what belongs to the weights? No error tells
# you. The first head, on its 45 pictures:

# %%
aside = fifths(0)[1]
bicubic = v2.InterpolationMode.BICUBIC
cut = [v2.Resize(256, interpolation=bicubic), v2.CenterCrop(224), v2.ToImage()]
treatments = {
    "the model's own": model.transform,
    "not normalized": v2.Compose([*cut, v2.ToDtype(torch.float32, scale=True)]),
    "bytes, 0 to 255": v2.Compose([*cut, v2.ToDtype(torch.float32)]),
}
treated = {}
for name, transform in treatments.items():
    data = folder.ImageFolderCustom(train_dir, transform=transform)
    rows, truth = backbone.extract_features(model, DataLoader(data, 5, sampler=aside))
    treated[name] = share_right(fits[0][0], rows, truth)
    print(f"{name:16} {treated[name]:.1%}")

# %% tags=["check"]
# The model's own transform gives what was measured in training; raw bytes ruin it.
assert abs(treated["the model's own"] - val_accs[0]) < 0.03
assert treated["bytes, 0 to 255"] < treated["the model's own"] - 0.1

# %% [markdown] tags=["wrong"] corrects=["87"]
# **Frozen, and yet it moves.** `requires_grad = False` keeps the optimizer away. But there is
# *BatchNorm*: a layer that brings each channel to mean 0 and spread 1, in train mode by the batch's
# own numbers, in eval mode by numbers that it remembers. It has
# two more rows of numbers, the mean and variance of what it has seen, and those are *not* learned
# by gradients. In train mode, each batch shifts them. An ordinary loop calls `model.train()`; the
# notes did, and so did the course. Our `Backbone` overrides that call. We go around
# it:

# %%
drifting = copy.deepcopy(model)
drifting.head.load_state_dict(fits[0][0].state_dict())
norms = [part for part in drifting.modules() if isinstance(part, nn.BatchNorm2d)]
norm = norms[0]
was = norm.running_mean.clone()
nn.Module.train(drifting)  # what every other module would do
with torch.no_grad():
    for start in range(10):  # ten batches of eight training pictures
        X = torch.stack([plates[index][0] for index in range(start, 200, 25)])
        drifting.forward_features(X)
drifting.eval()
unchanged = all(
    torch.equal(one, other)
    for one, other in zip(drifting.parameters(), model.parameters(), strict=False)
    if not other.requires_grad
)
print("all frozen parameters unchanged:", unchanged)

# %% [markdown] tags=["checkpoint"]
# No parameter has moved. How well do its features serve the five heads that we have just trained?

# %%
drifted = backbone.extract_features(drifting, test_loader)[0]
drifted_accs = [share_right(head, drifted, test_labels) for head, _ in fits]
steady_acc, drifted_acc = sum(test_accs) / 5, sum(drifted_accs) / 5
print(f"kept in eval: {steady_acc:.1%}, after ten batches in train: {drifted_acc:.1%}")

# %% tags=["hide-input"] alt="Left: for each channel of the first BatchNorm, its mean before against its mean after ten batches; many points have left the diagonal. Right: two bars with five dots each, the test accuracy with the backbone kept in eval mode and, lower, after ten batches in train mode." caption="Left: the statistics of the first BatchNorm, before and after ten batches without any learning. Right: what that does to the five heads (dots) and to their mean (bar)."
figure, (left, right) = pyplot.subplots(1, 2, figsize=(7.2, 2.7))
left.plot(was, norm.running_mean, "o", color=c["orange"], ms=4)
ends = [was.min(), was.max()]
left.plot(ends, ends, color=c["muted"], ls=":")
left.set(xlabel="mean before", ylabel="mean after")
for mode, accs, color in (("eval", test_accs, "teal"), ("train", drifted_accs, "orange")):
    right.barh(mode, 20 * sum(accs), color=c[color], alpha=0.4)
    right.plot([100 * acc for acc in accs], [mode] * 5, "o", color=c[color], ms=5)
right.axvline(100 * 31 / 75, color=c["muted"], ls=":")
_ = right.set(xlabel="test accuracy (%)", xlim=(0, 100), ylim=(1.5, -0.5))

# %% [markdown]
# Nothing was trained, and {{ f"{100 * (steady_acc - drifted_acc):.0f}" }} points
# {{ "are gone" if steady_acc > drifted_acc else "were lost: these pictures are easy enough" }}. So
# for feature extraction, keep the backbone in `eval()`. That is a matter of its own: `eval()`
# stops no gradient, and `requires_grad` no statistics.

# %% tags=["check"]
# Statistics and features drift without any learning; ours stay in eval after train().
assert unchanged
assert not torch.allclose(was, norm.running_mean)
assert (drifted - test_features).norm() > 0.1 * test_features.norm()
assert not real or drifted_acc < steady_acc
model.train()
assert model.head.training
for part in model.features.modules():
    assert not (part.training and list(part.parameters()))

# %% [markdown] corrects=["93"]
# ## Fine-tuning
#
# The last stages of a backbone know most about ImageNet's classes and least about edges. So they
# are the first to be tuned: from the output backwards. And the further from the output, the smaller
# the learning rate: *discriminative* learning rates.
#
# We cut the backbone in two. The lower part stays frozen, and so, again, is computed once. Its
# output is no row but maps.

# %%
net = model.features
if model.name == "efficientnet_b0":
    lower = net.features[:7]
    upper = net.features[7], nn.Sequential(net.features[8], net.avgpool, nn.Flatten())
else:  # the same stages, as timm names them
    lower = nn.Sequential(net.conv_stem, net.bn1, net.blocks[:6])
    upper = net.blocks[6], nn.Sequential(net.conv_head, net.bn2, net.global_pool)
model.eval()
with torch.no_grad():
    maps = torch.cat([lower(X) for X, _ in DataLoader(plates, batch_size=5)])
    again = torch.cat([upper[1](upper[0](part)) for part in maps[:50].split(5)])
print(maps.shape)

# %% tags=["check"]
# The two parts together are the backbone.
torch.testing.assert_close(again, features[:50], **close)

# %% [markdown]
# Above it come the last stage, the last convolution, and the head that we have trained. Each gets
# a rate of its own. And BatchNorm keeps its statistics here too: batches of 20 pictures measure
# them poorly.


# %%
class Upper(nn.Sequential):
    def train(self, mode=True):
        super().train(mode)
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.eval()
        return self


def tune(seed, below=upper, rows=maps, rates=(0.00003, 0.0001, 0.0003), epochs=2):
    learn, aside = fifths(seed)
    torch.manual_seed(seed)
    parts = [copy.deepcopy(part) for part in (*below, fits[seed][0])]
    network = Upper(*parts).requires_grad_(True)
    paired = zip(parts, rates[-len(parts) :], strict=True)
    groups = [{"params": part.parameters(), "lr": lr} for part, lr in paired]
    pairs = [TensorDataset(rows[part], labels[part]) for part in (learn, aside)]
    learner = DataLoader(pairs[0], batch_size=20, shuffle=True)
    val = DataLoader(pairs[1], batch_size=15)
    rule = training | by_pixel | {"optimizer": torch.optim.Adam(groups), "epochs": epochs}
    return network, engine.train(network, learner, val, **rule)


# %% [markdown]
# First the wrong way, then the right one. What does one rate of `0.01` for all parts do? And since
# tuning goes on for two epochs, the frozen way gets two more as well: the head alone, at the same
# rate, with the same batches.

# %%
hot_acc = tune(0, rates=(0.01, 0.01, 0.01), epochs=1)[1]["val_acc"][-1]
print(f"frozen {val_accs[0]:.1%}, after an epoch with 0.01 for all: {hot_acc:.1%}")
longer_frozen = [tune(seed, below=(), rows=features) for seed in range(5)]
tuned = [tune(seed) for seed in range(5)]
frozen_accs = [history["val_acc"][-1] for _, history in longer_frozen]
tuned_accs = [history["val_acc"][-1] for _, history in tuned]
for name, accs in (("20", val_accs), ("22", frozen_accs), ("tuned", tuned_accs)):
    print(f"{name:5}", [f"{acc:.1%}" for acc in accs])

# %% tags=["hide-input"] alt="Three columns of five dots, with a line at their mean: validation accuracy of TinyVGG from scratch, of the frozen backbone with a new head, and of the fine-tuned network. The dots of each column spread over several points." caption="Validation accuracy of five seeds, each measured on another fifth; the line is the mean."
tiny_accs = [runs["TinyVGG from scratch"]["val_acc"][-1]]
tiny_accs += [fit_tiny(*fifths(seed), seed)["val_acc"][-1] for seed in range(1, 5)]
ways = {
    "TinyVGG,\nfrom scratch": tiny_accs,
    "frozen, new head,\n20 + 2 epochs": frozen_accs,
    "fine-tuned,\n20 + 2 epochs": tuned_accs,
}
_, ax = pyplot.subplots(figsize=(6, 3))
hues = ("orange", "teal", "blue")
for x, (accs, color) in enumerate(zip(ways.values(), hues, strict=True)):
    places = [x + 0.06 * (seed - 2) for seed in range(5)]
    ax.plot(places, [100 * acc for acc in accs], "o", color=c[color], ms=6, alpha=0.8)
    ax.hlines(20 * sum(accs), x - 0.25, x + 0.25, color=c[color], lw=2)
ax.axhline(100 * 78 / 225, color=c["muted"], ls=":")
ax.set_xticks(range(3), ways)
ax.set(ylabel="validation accuracy (%)", ylim=(30, 103), xlim=(-0.5, 2.5))
gains = 100 * (torch.tensor(tuned_accs) - torch.tensor(frozen_accs))
gain, doubt = gains.mean().item(), gains.std().item() / 5**0.5
idle = 100 * (sum(frozen_accs) - sum(val_accs)) / 5

# %% [markdown]
# A rate that is too large destroys in one epoch what the backbone knew. Two more epochs of the head
# alone change the validation accuracy by {{ f"{idle:+.1f}" }} points. Over the same two epochs, tuning
# adds {{ f"{gain:+.1f} ± {doubt:.1f}" }} (mean and standard error of five seeds) to that. The frozen runs
# alone spread over {{ f"{100 * (max(frozen_accs) - min(frozen_accs)):.0f}" }} points. With 180 pictures,
# {{ "tuning is worth it" if gain > 2 * doubt else "these runs do not show that tuning helps" }}.
# That changes with more pictures, or with pictures unlike those of ImageNet.

# %% tags=["check"]
# Tuning fits better than two more epochs of the head and keeps what is known; too hot, not.
for (_, frozen), (_, history) in zip(longer_frozen, tuned, strict=True):
    assert history["train_loss"][-1] < frozen["train_loss"][-1]
    assert frozen.epochs == history.epochs
assert sum(tuned_accs) > sum(frozen_accs) - 0.25
assert hot_acc < val_accs[0] - 0.1
assert not real or sum(val_accs) > sum(tiny_accs) + 0.25

# %% [markdown] covers=["06.19"]
# ## Predict
#
# A new picture must come as the training pictures came: the same size and shape, dtype, device and
# transform. Step by step, by hand: open the file; make it RGB, for it may be gray or transparent;
# transform; add the dimension of the batch; go to the model's device; `eval`; no gradients; logits;
# softmax; the largest; its *number* as a plain integer; its name.

# %%
model.head.load_state_dict(fits[0][0].state_dict())


def predict_by_hand(model, class_names, image_path, transform):
    with Image.open(image_path) as opened:
        picture = opened.convert("RGB")
    X = transform(picture).unsqueeze(dim=0)
    X = X.to(next(model.parameters()).device)
    model.eval()
    with torch.inference_mode():
        probs = torch.softmax(model(X), dim=1)[0]
    index = int(probs.argmax())
    return class_names[index], probs[index].item()


photo = sorted(test_dir.glob("*/*.jpg"))[30]
print(photo.parent.name, predict_by_hand(model, class_names, photo, model.transform))

# %% [markdown]
# [`pred_and_plot_image`][pdl.predict.pred_and_plot_image] does the same and draws it. It takes the
# model's own transform unless told otherwise. Here for a picture of our own, a file that is in no
# data set:

# %% alt="On the left a drawn pizza with toppings on a plate. On the right three bars with the probabilities of pizza, steak and sushi." caption="A picture of our own: a drawing, saved as a file with transparency."
from pdl.data.drawn import draw_food
from pdl.predict import pred_and_plot_image

desk = tempfile.TemporaryDirectory(prefix="pdl-")
own = Path(desk.name, "my_pizza.png")
draw_food("pizza", seed=2026).convert("RGBA").save(own)
drawn_answer = predict(model, own, class_names)[0]
pred_and_plot_image(model, own, class_names)

# %% [markdown]
# {{ "It has only seen photos, and this is a drawing" if real else "It has learned from such drawings" }}:
# it says {{ drawn_answer.label }}, {{ f"{drawn_answer.prob:.0%}" }}.
# {{ "" if drawn_answer.label == "pizza" else "Wrong, and sure of it: your pictures must be like those of the training." }}
# Use a photo of yours: only the path changes.

# %% tags=["check"]
# By hand and by the library the same; both leave the file's transparency behind.
by_library = predict(model, [photo, own], class_names)
for path, theirs in zip((photo, own), by_library, strict=True):
    name, prob = predict_by_hand(model, class_names, path, model.transform)
    assert name == theirs.label
    assert abs(prob - theirs.prob) < 1e-3

# %% [markdown] tags=["wrong"] corrects=["89"]
# **The helper of the notes** used a global `weights` when it got no transform, ignored its
# `image_size`, left out `convert("RGB")`, and annotated `transform` with a module. It looked up
# `class_names[tensor]`, which happens to work for a list and fails for a dict:

# %%
tensor_index = torch.tensor(1)
print("list:", class_names[tensor_index])
try:
    dict(enumerate(class_names))[tensor_index]
except KeyError as error:
    print("dict: KeyError,", error)
print("dict:", dict(enumerate(class_names))[tensor_index.item()])

# %% [markdown]
# ### What does it take for what?
#
# A confusion matrix of the test set, for the model of seed 0:

# %% alt="A confusion matrix with rows for the true and columns for the predicted dish: pizza, steak, sushi. Most pictures are on the diagonal." caption="The 75 test pictures."
from torchmetrics.functional import confusion_matrix

from pdl.boundary import plot_confusion_matrix

with torch.inference_mode():
    test_probs = model.eval().forward_head(test_features).softmax(dim=1)
matrix = confusion_matrix(test_probs, test_labels, task="multiclass", num_classes=3)
plot_confusion_matrix(matrix, class_names)

# %% [markdown]
# And the *most wrong* ones: those that gave the true dish the smallest probability. They tell more
# than any number. Is the label wrong, the picture poor, or the network?

# %% alt="Five test pictures in a row with the dish the network takes each for and how sure it is; where that is wrong, it stands in orange with the true dish below." caption="The five with the smallest probability for the truth."
truth_probs = test_probs[torch.arange(75), test_labels]
worst = truth_probs.argsort()[:5].tolist()
gallery.plot_images_with_predictions(
    [test_data.load_image(index) for index in worst],
    test_probs[worst],
    class_names,
    test_labels[worst],
)

# %% [markdown]
# {{ f"{int((test_probs.argmax(dim=1) != test_labels).sum())} of 75 are wrong." }}
# {{ "The network is right on all of them; these are those of which it was least sure." if (test_probs.argmax(dim=1) == test_labels).all() else f"The worst gets {truth_probs.min().item():.0%} for the truth." }}

# %% tags=["check"]
# The matrix counts every test picture once; its diagonal is the accuracy.
assert matrix.sum() == 75
assert matrix.sum(dim=1).tolist() == [25, 19, 31]
assert abs(matrix.diag().sum().item() / 75 - test_accs[0]) < 1e-6
assert truth_probs[worst].max() <= truth_probs.median()

# %% [markdown]
# ## A picture of none of them
#
# What does the network say to a boot? We send it garments from
# [chapter 03](03_computer_vision.md), which are no food at all.

# %% [markdown] tags=["checkpoint"]
# Three classes, and the picture is none of them. Will it say a third for each?

# %% alt="Five gray pictures of garments, such as a boot and a pullover, each with a dish, pizza, steak or sushi, and a probability." caption="What the network says to garments."
from pdl.data.fashion import FashionMNIST

clothes = FashionMNIST(train=False)
garments = [clothes[index][0] for index in range(40)]
clothes_probs = []
with torch.inference_mode():
    for garment in garments:
        X = model.transform(garment.convert("RGB").resize((64, 64)))[None]
        clothes_probs.append(model(X).softmax(dim=1)[0])
clothes_probs = torch.stack(clothes_probs)
gallery.plot_images_with_predictions(garments[:5], clothes_probs[:5], class_names)

# %% [markdown]
# It has no way to say "none". Softmax shares out one whole among three dishes, whatever the logits
# are. So a probability means: *if it is one of these three, how much speaks for this one?* It does
# not mean that it is one of them.

# %% tags=["hide-input"] alt="Two rows of dots over the probability of the dish that the network names, from a third to one: the upper row for 75 test pictures of food, the lower for 40 garments. The two rows overlap." caption="How sure the network is of the dish it names. Each dot is a picture."
sure_food, sure_clothes = test_probs.amax(dim=1), clothes_probs.amax(dim=1)
_, ax = pyplot.subplots(figsize=(7.2, 2))
for y, (sure, color) in enumerate(((sure_food, "teal"), (sure_clothes, "orange"))):
    shifts = torch.linspace(-0.25, 0.25, 5).repeat(15)[: len(sure)]
    ax.plot(sure, y + shifts, "o", color=c[color], ms=5, alpha=0.6)
ax.set_yticks([0, 1], ["food", "garments"])
ax.set_xlabel("probability of the dish that it names")
_ = ax.set(xlim=(0.32, 1.01), ylim=(1.5, -0.5))

# %% [markdown]
# Garments get {{ f"{sure_clothes.mean().item():.0%}" }} in the mean and up to
# {{ f"{sure_clothes.max().item():.0%}" }}; food gets {{ f"{sure_food.mean().item():.0%}" }}. Does
# a threshold help? Exercise 3 tries. What may help more is a fourth class, "something else", with
# pictures of what may really come.

# %% tags=["check"]
# Softmax always sums to one, names a dish for every boot, and is quite sure of some.
torch.testing.assert_close(clothes_probs.sum(dim=1), torch.ones(40))
assert sure_clothes.min() > 1 / 3
assert sure_clothes.max() > 0.6

# %% [markdown] covers=["06.20"]
# ## Recap
#
# - Begin with a pretrained network whenever there is one for your kind of data. It needs few
#   pictures and little time.
# - Use the transform that belongs to the weights. Sizes, crops and normalization differ.
# - Speed, size and accuracy pull apart. Measure them on the machine that counts.
# - Freeze the backbone, give it a new head, and keep it in `eval`, or BatchNorm drifts. Features
#   computed once make the head a matter of a second.
# - Fine-tune from the output backwards, with small rates that get smaller; and remember that
#   probabilities are shared among the classes that the model knows.
#
# ## Exercises

# %% [markdown] tags=["exercise"] level="warm-up" answer=["fold_probs: the probabilities for each picture, from the head that had set it aside, shape (225, 3)", "answers: the class that is likeliest by `fold_probs`", "counted: your matrix, whole numbers of shape (3, 3); a row for each true dish"]
# ### Exercise 1: count the confusions
#
# Each of the 225 training pictures was set aside by one of five seeds. Make a confusion matrix of
# those 225 answers, without torchmetrics.

# %% tags=["solution"]
answers = torch.empty(225, dtype=torch.long)
fold_probs = torch.empty(225, 3)
for seed, (head, _) in enumerate(fits):
    aside = fifths(seed)[1]
    with torch.inference_mode():
        fold_probs[aside] = head.eval()(features[aside]).softmax(dim=1)
answers = fold_probs.argmax(dim=1)
counted = torch.bincount(3 * labels + answers, minlength=9).reshape(3, 3)
print(counted)

# %% tags=["solution", "check"]
# torchmetrics counts the same; the diagonal is the mean of five accuracies.
theirs = confusion_matrix(answers, labels, task="multiclass", num_classes=3)
assert torch.equal(counted, theirs)
assert abs(counted.diag().sum().item() / 225 - sum(val_accs) / 5) < 1e-6

# %% [markdown] tags=["exercise"] level="measure" answer=["wrongs: how many of the 225 are wrong", "badness: a number for each picture, larger for a worse answer; any wrong one is above any right one", "top_five: the places of the five worst, the worst first"]
# ### Exercise 2: most wrong
#
# Of those 225, show the five that were named wrongly with the greatest confidence (or, if fewer are
# wrong, the least sure ones). Which are the photographer's fault? Hint: ask
# their nearest pictures.

# %% tags=["solution"] alt="Five training pictures with the dish that a network took each for when the picture was set aside, and how sure it was." caption="Named by a network that did not learn from them."
sureness = fold_probs.amax(dim=1)
badness = torch.where(answers != labels, 1 + sureness, 1 - sureness)
top_five = badness.argsort(descending=True)[:5]
kin = labels[order[top_five, :4]]  # no head has had a say in these
agree = (kin == answers[top_five, None]).sum(dim=1)
wrongs = int((answers != labels).sum())
by_picture = int(((agree > 2) & (answers != labels)[top_five]).sum())
by_head = min(5, wrongs) - by_picture
gallery.plot_images_with_predictions(
    [plates.load_image(index) for index in top_five.tolist()],
    fold_probs[top_five],
    class_names,
    labels[top_five],
)

# %% [markdown] tags=["solution"]
# {{ wrongs }} of 225 are named wrongly. For {{ by_picture }} of these five, the nearest pictures mostly
# show the named dish as well: there the picture itself is like another dish, in subject, crop or
# light. {{ "Ask the photographer" if real else "Ask the program that drew it" }}.
# {{ f"For the other {by_head} they do not: there the head drew its border badly." if by_head else "The head alone is at fault in none." }}
# Look at each before you believe such a rule.

# %% tags=["solution", "check"]
# Wrong ones come first, the surest in front.
assert (answers != labels)[top_five].sum() == min(5, wrongs)
assert badness[top_five[0]] == badness.max()

# %% [markdown] tags=["exercise"] level="build" answer=["threshold: the probability below which nothing is named", "name_or_none: takes the three probabilities of one picture and returns a name"]
# ### Exercise 3: "none of these"
#
# Write a function that names the dish, or says "none of these" below a threshold. Choose the
# threshold so that nine of ten pictures *set aside* are accepted. How many garments, and how many
# test pictures does it refuse? Try a picture of your own that is no food.

# %% tags=["solution"]
threshold = fold_probs.amax(dim=1).quantile(0.1).item()


def name_or_none(probs):
    sure, index = probs.max(dim=0)
    return class_names[int(index)] if sure >= threshold else "none of these"


refused_clothes = sum(name_or_none(row) == "none of these" for row in clothes_probs)
refused_food = sum(name_or_none(row) == "none of these" for row in test_probs)
print(f"threshold {threshold:.2f}")
print(f"refused: {refused_clothes} of 40 garments, {refused_food} of 75 plates")

# %% [markdown] tags=["solution"]
# It refuses {{ f"{refused_clothes / 40:.0%}" }} of the garments and {{ f"{refused_food / 75:.0%}" }}
# of the food.
# {{ "So a threshold hardly helps here: the network is sure of garments too." if refused_clothes / 40 < 0.5 else "So here a threshold helps: the network is surer of food." }}

# %% tags=["solution", "check"]
# It refuses what is unsure, and never what is sure.
assert 0.05 < (fold_probs.amax(dim=1) < threshold).float().mean() < 0.15
assert name_or_none(torch.tensor([0.0, 0.0, 1.0])) == "sushi"
assert name_or_none(torch.full((3,), 1 / 3)) == "none of these"

# %% [markdown] tags=["exercise"] level="measure" answer=["losses: a dict from \"Adam\" and \"SGD\" to a pair of lists, training and validation loss of 40 epochs"]
# ### Exercise 4: ten epochs, and the notes' optimizer
#
# Train the head for 5, 10 and 40 epochs with Adam (`lr=0.001`) and with SGD (`lr=0.01`). Is longer
# better? Look at both losses.

# %% tags=["solution"]
losses = {}
for rule, lr in ((torch.optim.Adam, 0.001), (torch.optim.SGD, 0.01)):
    history = fit_head(*fifths(0), seed=0, epochs=40, optimizer=rule, lr=lr)[1]
    losses[rule.__name__] = both = history["train_loss"], history["val_loss"]
    for epochs in (5, 10, 40):
        told = ", ".join(f"{values[epochs - 1]:.3f}" for values in both)
        print(f"{rule.__name__:4} {epochs:2} epochs, training and validation: {told}")
falls, arrived = {}, {}
for name, (learned, aside_loss) in losses.items():
    falls[name] = learned[9] - learned[39]
    arrived[name] = (aside_loss[9] - aside_loss[39]) / falls[name]
adam, sgd = losses["Adam"][1], losses["SGD"][1]
reached = 1 + [loss <= sgd[9] for loss in adam].index(True)

# %% [markdown] tags=["solution"]
# From 10 to 40 epochs the training loss falls by {{ f"{falls['Adam']:.3f}" }} with Adam and
# {{ f"{falls['SGD']:.3f}" }} with SGD. Of that, {{ f"{arrived['Adam']:.0%}" }} and
# {{ f"{arrived['SGD']:.0%}" }} arrive in the validation loss; the rest is learned by heart. So longer is
# {{ "still better, by less and less" if min(arrived.values()) > 0 else "no longer better for both" }}: the
# validation loss is lowest after {{ 1 + adam.index(min(adam)) }} and {{ 1 + sgd.index(min(sgd)) }} epochs. The notes' optimizer
# is {{ "slower" if reached < 10 else "no slower" }}: what it reached in ten, Adam had after {{ reached }}.

# %% tags=["solution", "check"]
# The training loss goes on falling for both; the validation loss gains less, or nothing.
for learned, aside_loss in losses.values():
    assert learned[4] > learned[9] > learned[39]
    assert learned[4] - learned[39] > aside_loss[4] - aside_loss[39]

# %% [markdown] tags=["exercise"] level="measure" answer=["by_amount: five means, for 9 pictures first; `fit_head` and `fifths` do the work"]
# ### Exercise 5: how many pictures?
#
# The course behind this exercise doubles the pictures. Go the other way: train the head on 9, 18,
# 45, 90 and all 180, and draw the validation accuracy of five seeds, with their mean. What would 360
# give?

# %% tags=["solution"] alt="A curve over the number of training pictures, from 9 to 180: the mean validation accuracy rises, steeply at first. Around each mean five pale dots." caption="More pictures, less gained by each. Pale: the five seeds."
amounts = (9, 18, 45, 90, 180)
by_seed = torch.empty(5, len(amounts))
for column, amount in enumerate(amounts):
    for seed in range(5):
        learn, aside = fifths(seed)
        chosen = learn[:: 180 // amount]
        by_seed[seed, column] = fit_head(chosen, aside, seed)[1]["val_acc"][-1]
by_amount = by_seed.mean(dim=0).tolist()
_, ax = pyplot.subplots(figsize=(5, 2.6))
ax.semilogx(amounts, 100 * by_seed.T, "o", color=c["teal"], alpha=0.3, mew=0)
ax.semilogx(amounts, [100 * acc for acc in by_amount], "o-", color=c["teal"])
ax.set_xticks(amounts, [str(amount) for amount in amounts])
ax.minorticks_off()
ax.set(xlabel="pictures to learn from", ylabel="validation (%)")
_ = ax.set_ylim(30, 103)
added = by_seed[:, 4] - by_seed[:, 3]  # by the last doubling
last, doubt = added.mean().item(), added.std().item() / 5**0.5
guess = min(1, by_amount[4] + last)
early = min(1, 2 * by_amount[3] - by_amount[2])  # the same guess, from 90 pictures for 180

# %% [markdown] tags=["solution"]
# The last doubling, from 90 to 180, added {{ f"{100 * last:+.1f}" }} points. If the next one adds as much, 360 give
# {{ f"{guess:.0%} ± {doubt:.0%}" }}. How good is such a guess? Made with 45 and 90 pictures, it would
# have said {{ f"{early:.0%}" }} for 180; it came to {{ f"{by_amount[4]:.0%}" }}.
# {{ "Too much: each doubling adds less than the one before." if early > by_amount[4] else "It need not be too much." }}

# %% tags=["solution", "check"]
# More pictures help, and all 180 are the runs from above.
assert by_amount[-1] >= by_amount[0]
assert abs(by_amount[-1] - sum(val_accs) / 5) < 0.02

# %% [markdown] tags=["exercise"] level="build" answer=["adapt: as above", "adapted: a dict with four adapted networks of three classes, all on `meta`, in this order: resnet18, mobilenet_v3_large, convnext_tiny, vit_b_16"]
# ### Exercise 6: any network of torchvision's
#
# Write `adapt(network, num_classes)`: it freezes everything, BatchNorm's statistics included,
# replaces the *last* `nn.Linear`, wherever that is, and returns the network. Try it on ResNet-18,
# MobileNet-v3, ConvNeXt and a ViT. On the device `meta` none has to be fetched.
# Hint: torchvision has a [`FrozenBatchNorm2d`][torchvision.ops.FrozenBatchNorm2d].


# %% tags=["solution"]
from torchvision.ops import FrozenBatchNorm2d


def put(network, name, part):
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, part)


def adapt(network, num_classes):
    network.requires_grad_(False)
    for name, part in list(network.named_modules()):
        if isinstance(part, nn.BatchNorm2d):
            still = FrozenBatchNorm2d(part.num_features, part.eps)
            still.load_state_dict(part.state_dict())
            put(network, name, still.to(part.weight.device))
        if isinstance(part, nn.Linear):
            last_name, width, device = name, part.in_features, part.weight.device
    put(network, last_name, nn.Linear(width, num_classes, device=device))
    return network


# %% tags=["solution"]
adapted = {}
for name in ("resnet18", "mobilenet_v3_large", "convnext_tiny", "vit_b_16"):
    with torch.device("meta"):
        adapted[name] = adapt(models.get_model(name), num_classes=3)
    print(f"{name:18} {counts(adapted[name])[1]:6,} trainable")

# %% tags=["solution", "check"]
# Three outputs each, and a weight for every feature besides a bias.
trainables = [counts(network)[1] for network in adapted.values()]
assert trainables == [3 * (width + 1) for width in (512, 1280, 768, 768)]
assert all(
    network(torch.empty(2, 3, 224, 224, device="meta")).shape == (2, 3)
    for network in adapted.values()
)

# %% tags=["solution", "check"]
# An adapted network in train mode sees what it saw in eval mode, and goes on doing so.
network = models.resnet18()
with torch.no_grad():
    network(images[:8])  # statistics unlike those of the start
    network.eval()
    still = adapt(copy.deepcopy(network), 3).train()
    still.fc = network.fc
    for _ in range(2):
        torch.testing.assert_close(still(images[:2]), network(images[:2]), **close)

# %% [markdown]
# ## Where next
#
# You have now changed optimizer, epochs, rates, amounts and networks, and kept the results in your
# head. [The next chapter](07_experiment_tracking.md) keeps them in files.
#
# Worth reading besides: [EfficientNet](https://arxiv.org/abs/1905.11946), where compound scaling
# comes from, and [How transferable are features in deep neural
# networks?](https://arxiv.org/abs/1411.1792), which measured it layer by layer.
