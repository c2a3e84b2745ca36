# ---
# title: Custom datasets
# description: From a folder of food pictures to a network that names the dish, without and with augmentation.
# order: 5
# level: beginner
# needs: [03_computer_vision]
# gives: [your own data set, transforms, augmentation, reading loss curves, predicting a file]
# minutes: 90
# data: [{name: food_mini}]
# seed: 42
# ---
# %% [markdown]
# # Custom datasets
#
# So far the data came ready. Yours will come as files in folders. Here 225 pictures of pizza, steak
# and sushi become a data set, by hand and with two libraries. A small network learns them by heart.
# Then each picture is changed a little every time it is shown, and the network learns what it
# should.

# %% tags=["hide-input"] name="result" alt="Three rows, for pizza, steak and sushi. Each begins with a picture of the dish. Three versions of it follow that are mirrored, moved, turned, lighter or darker. At the end three bars show how likely each dish is, and the longest names the picture rightly." caption="Left to right: a picture the network did not learn from, the kind of changes it learned with, and what it says. For each dish, the first picture that it names rightly, sometimes only by a hair."
import torch
from matplotlib import pyplot
from torch import nn

from pdl import engine, gallery, plotting
from pdl.data import augment, folder, memory, sources
from pdl.models import tiny_vgg

plotting.use_style()
scale = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
moves = {"shift": 0.1, "zoom": 0.15, "rotate": 10, "brightness": 0.1, "contrast": 0.2}
dishes = folder.ImageFolderCustom(sources.find("food_mini").train_dir)
kept_64 = memory.load_images(dishes, image_size=64)
kept = memory.load_images(dishes, image_size=32)
first_fifth = range(0, len(kept), 5)
others = [index for index in range(len(kept)) if index not in first_fifth]
torch.manual_seed(42)
sketch = tiny_vgg.TinyVGG(num_classes=3, image_size=32)
changed = augment.BatchAugment(**moves, **scale)
options = {"batch_size": 16, "shuffle": True, "indices": others}
engine.train(
    sketch,
    memory.InMemoryLoader(kept, transform=changed, **options),
    optimizer=torch.optim.Adam(sketch.parameters(), lr=0.003),
    loss_fn=nn.CrossEntropyLoss(),
    epochs=12,
    progress=False,
    channels_last=True,
)
with torch.inference_mode():
    unseen = augment.BatchAugment(flip=False, **scale)(kept.data[::5])
    chances = torch.softmax(sketch(unseen), dim=1)
named = chances.argmax(dim=1)
figure, panels = pyplot.subplots(3, 5, figsize=(7.2, 4.2), width_ratios=[1, 1, 1, 1, 1.5])
torch.manual_seed(3)
for number, row in enumerate(panels):
    rightly = (named == number) & (kept.targets[::5] == number)
    chosen = int(rightly.float().argmax())
    picture = kept_64.data[::5][chosen]
    gallery.show(row[0], picture)
    for ax in row[1:4]:
        gallery.show(ax, augment.BatchAugment(**moves)(picture[None])[0])
    row[4].barh(dishes.classes, chances[chosen], color=plotting.COLORS["teal"], height=0.6)
    row[4].set(xlim=(0, 1), xticks=[0, 1], ylim=(2.5, -0.5))
    row[4].tick_params(labelsize=10)
    row[4].yaxis.tick_right()
    row[4].grid(visible=False)
for ax, title in zip(panels[0, [0, 1, 4]], ("picture", "changed", "answer"), strict=True):
    ax.set_title(title, fontsize=12)

# %% [markdown] covers=["04.01"]
# **You will** look at data before you trust it, load it in three ways that give the same numbers,
# write transforms, train with and without augmentation, read loss curves, and send a file of your
# own through the network.
#
# **You need** [data sets, loaders and TinyVGG](03_computer_vision.md).
#
# **It takes** no GPU and no download: without the photos, the pictures are drawn.

# %% [markdown]
# ## Set up
#
# Pictures are opened with PIL, the Python imaging library. `torchvision` turns them into tensors.

# %%
import random
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, transforms
from torchvision.transforms import v2

from pdl.info import info

c = plotting.COLORS
print(info())

# %% [markdown] covers=["04.02"] corrects=["68"]
# ## The data
#
# [Food-101](https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/) has 101 dishes with 1,000
# photos each, 750 to learn from and 250 to test on: 101,000 in all. `food_mini` is a small part of
# it: three dishes, a tenth of the photos. If these are not on the machine,
# [`find`][pdl.data.sources.find] has as many pictures drawn, in the same folders, and says so.

# %%
food = sources.find("food_mini")
image_path, train_dir, test_dir = food.path, food.train_dir, food.test_dir
real = food.kind == "real"
image_path_list = sorted(image_path.glob("*/*/*.jpg"))
print(food.kind, len(image_path_list), "pictures")
for directory in sorted(image_path.glob("*/*")):
    name = directory.relative_to(image_path).as_posix()
    print(f"{name:12} {len(list(directory.glob('*.jpg'))):3}")

# %% [markdown]
# On this page they are {{ "photos" if real else "drawings: the photos were not on the machine that built it" }}.
#
# The layout is the field's usual one: a folder for the part, a folder for the class, files in it.
# The *name of the folder is the label*. Nothing else says what is on a picture.

# %% [markdown] covers=["04.03"]
# ### Become one with the data
#
# Look at some before anything else. Chance chooses, so that we do not:

# %%
random.seed(42)
random_image_path = random.choice(image_path_list)
with Image.open(random_image_path) as opened:
    img = opened.convert("RGB")
print("file ", random_image_path.relative_to(image_path).as_posix())
print("class", random_image_path.parent.stem)
print("height", img.height, "width", img.width)

# %% [markdown] covers=["04.04"]
# For matplotlib a picture is an array with the color channels *last*:

# %% alt="One picture of food with its class and shape above, a square or a rectangle of colored pixels." caption="The picture that chance chose, as the file holds it."
img_as_array = np.asarray(img)
_, ax = plt.subplots(figsize=(3, 3.2))
ax.imshow(img_as_array)
ax.set_title(f"{random_image_path.parent.stem} {img_as_array.shape}", fontsize=12)
_ = ax.axis("off")

# %% [markdown] tags=["wrong"] corrects=["69"]
# **`glob` without `sorted`, `open` without `convert`.** A file system lists files in its own order,
# so the seed would choose another picture on another machine. And a gray or transparent file has
# one or four channels instead of three, until `convert("RGB")`. The `with` closes the file.

# %% [markdown]
# How many of each, of which size, and what is common to a dish? The last we ask of the *mean
# picture*: all pictures of a dish laid on top of each other.

# %% tags=["hide-input"] alt="Left: bars for the number of training and test pictures of pizza, steak and sushi, all between 72 and 78 for training and between 19 and 31 for testing. Right: three mean pictures, blurred; in each a soft blob in the middle can be made out, and nothing else." caption="Left: how many. Right: the mean picture of each dish. The food is in the middle, and that is about all they share."
sizes = {Image.open(path).size for path in image_path_list}
counts = {}
for part in ("train", "test"):
    for name in dishes.classes:
        counts[part, name] = len(list((image_path / part / name).glob("*.jpg")))
_, panels = plt.subplots(1, 4, figsize=(7.2, 2.4), width_ratios=[1.7, 1, 1, 1])
for shift, (part, color) in enumerate((("train", "blue"), ("test", "green"))):
    lengths = [counts[part, name] for name in dishes.classes]
    at = [place + 0.36 * shift for place in range(3)]
    panels[0].barh(at, lengths, color=c[color], height=0.34)
    panels[0].text(lengths[0] + 2, at[0], part, va="center", color=c[color], fontsize=11)
panels[0].set_yticks([0.18, 1.18, 2.18], dishes.classes)
panels[0].set(ylim=(2.6, -0.3), xlim=(0, 100), xlabel="pictures")
panels[0].grid(visible=False, axis="y")
for number, ax in enumerate(panels[1:]):
    mean_picture = kept.data[kept.targets == number].float().mean(dim=0) / 255
    gallery.show(ax, mean_picture)
    ax.set_title(dishes.classes[number], fontsize=11, loc="center")
chance = max(counts["train", name] for name in dishes.classes) / 225
test_chance = max(counts["test", name] for name in dishes.classes) / 75

# %% [markdown]
# {{ f"All are {next(iter(sizes))[0]} by {next(iter(sizes))[1]} pixels: somebody has made them small already." if len(sizes) == 1 else f"They come in {len(sizes)} sizes, and a batch needs one." }}
# Who always says the commonest dish is right for {{ f"{chance:.1%}" }} of the training pictures and
# {{ f"{test_chance:.1%}" }} of the test pictures. That is *chance*, the number to beat.

# %% tags=["check"]
# There are 225 training and 75 test pictures; chance is 78/225 and 31/75.
assert [counts["train", name] for name in dishes.classes] == [78, 75, 72]
assert [counts["test", name] for name in dishes.classes] == [25, 19, 31]
assert (chance, test_chance) == (78 / 225, 31 / 75)
assert img_as_array.shape == (img.height, img.width, 3)
assert img_as_array.dtype == np.uint8
named_rightly = kept.targets[::5][named == kept.targets[::5]]  # in the first figure
assert named_rightly.unique().tolist() == [0, 1, 2]

# %% [markdown] covers=["04.05"]
# ## From picture to tensor
#
# A *transform* does to each picture what must be done before the network sees it. This one makes
# all of one size, mirrors half of them, makes a tensor, and scales bytes to numbers from 0 to 1:

# %%
data_transform = v2.Compose(
    [
        v2.Resize((64, 64)),
        v2.RandomHorizontalFlip(p=0.5),
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
    ]
)
print(data_transform(img).shape, data_transform(img).dtype)

# %% [markdown]
# [`plot_transformed_images`][pdl.gallery.plot_transformed_images] shows what a transform does.
# `Resize((64, 64))` squeezes what is not square; `Resize(64)` would keep the shape, and pictures
# of unequal shape make no batch.

# %% alt="Two rows of pictures of food. Each row has the original and three transformed versions of 64 by 64 pixels, at least one of them mirrored left to right." caption="The same transform three times: it draws a new coin each time."
samples = [Image.open(path).convert("RGB") for path in image_path_list[100:300:150]]
gallery.plot_transformed_images(samples, data_transform, versions=3, seed=34)

# %% tags=["check"]
# A transformed picture is float32 of (3, 64, 64) in [0, 1], and mirrored or not by chance.
versions = [data_transform(img) for _ in range(32)]
assert {tuple(version.shape) for version in versions} == {(3, 64, 64)}
assert all(0 <= version.min() <= version.max() <= 1 for version in versions)
different = [version for version in versions if not torch.equal(version, versions[0])]
assert 0 < len(different) < 32
torch.testing.assert_close(different[0].flip(-1), versions[0], atol=0.02, rtol=0)

# %% [markdown] covers=["04.06"] corrects=["59"]
# ## Option 1: `ImageFolder`
#
# torchvision knows this layout, as
# [`ImageFolder`](https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html).
# Two lines give both parts. We leave the flip away: it is augmentation, and the first model shall
# have none. (The notes forgot that, and trained their "model without augmentation" on mirrored
# pictures.)

# %%
simple_transform = v2.Compose(
    [v2.Resize((64, 64)), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
)
train_data = datasets.ImageFolder(
    root=train_dir,
    transform=simple_transform,
    target_transform=None,  # could change labels
)
test_data = datasets.ImageFolder(root=test_dir, transform=simple_transform)
class_names = train_data.classes
print(class_names, train_data.class_to_idx, len(train_data), len(test_data))

# %% [markdown] covers=["04.07", "04.18"] corrects=["70"]
# A loader makes batches of it, as in the last chapter. With
# `num_workers` other processes open files ahead. A rule like "as many as `os.cpu_count()`" takes
# all cores of a machine that you may share, and in a script on Windows or macOS it needs
# `if __name__ == "__main__":`. Begin with 0, and time it.

# %%
train_dataloader_simple = DataLoader(train_data, batch_size=32, shuffle=True, num_workers=0)
test_dataloader_simple = DataLoader(test_data, batch_size=32, shuffle=False)
images, labels = next(iter(train_dataloader_simple))
print(images.shape, labels.shape, len(train_dataloader_simple), "batches")

# %% [markdown] tags=["wrong"] corrects=["58", "51"]
# **`train_data = DataLoader(train_data, ...)`.** One name for two things. Later somebody asks the
# data set for its classes:

# %%
try:
    train_dataloader_simple.classes
except AttributeError as error:
    print(error)
print(train_dataloader_simple.dataset.classes)

# %% [markdown] covers=["04.08"]
# ## Option 2: by hand
#
# What if your labels are in a table, or in the file name? Then you write the data set yourself. It
# can be made from almost anything, and all its mistakes are yours. We want three things of it: load
# pictures from files, get the class names from the folders, and give them as a dict from name to
# number.

# %% [markdown] covers=["04.09"] corrects=["57"]
# First the names. They are sorted, or the labels would depend on the file system:

# %%
import os


def find_classes(directory):
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"no class folders in {directory}")
    return classes, {name: number for number, name in enumerate(classes)}


print(find_classes(train_dir))

# %% [markdown] covers=["04.10"]
# Then the data set. `__len__` and `__getitem__`, as you know, are all that a loader asks for.


# %%
class ImageFolderCustom(Dataset):
    def __init__(self, targ_dir, transform=None):
        self.paths = sorted(Path(targ_dir).glob("*/*.jpg"))
        self.transform = transform
        self.classes, self.class_to_idx = find_classes(targ_dir)

    def load_image(self, index):
        with Image.open(self.paths[index]) as opened:
            return opened.convert("RGB")

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        picture = self.load_image(index)
        label = self.class_to_idx[self.paths[index].parent.name]
        return (self.transform(picture) if self.transform else picture), label


# %% [markdown] tags=["checkpoint"] covers=["04.11", "04.12"]
# Three data sets over one folder: torchvision's, ours, and
# [the library's][pdl.data.folder.ImageFolderCustom]. What must be equal for them to be the same?

# %%
train_custom = ImageFolderCustom(train_dir, transform=simple_transform)
from_module = folder.ImageFolderCustom(train_dir, transform=simple_transform)
for dataset in (train_data, train_custom, from_module):
    print(len(dataset), dataset.classes, dataset[100][0].mean(), dataset[100][1])

# %% tags=["check"]
# All three give the same samples in the same order; an empty folder is refused by name.
for one, two, three in zip(train_data, train_custom, from_module, strict=True):
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[0], three[0])
    assert one[1] == two[1] == three[1]
assert train_data.class_to_idx == train_custom.class_to_idx == from_module.class_to_idx
assert find_classes(train_dir) == folder.find_classes(train_dir)
with tempfile.TemporaryDirectory() as empty:
    refused = ""
    try:
        find_classes(empty)
    except FileNotFoundError as error:
        refused = str(error)
    assert empty in refused

# %% [markdown]
# Once written and proved, it moves into a module, and notebooks import it. The module
# [`pdl.data.folder`](../api/data.folder.md) also finds damaged files before training, skips
# hidden folders, and names the file when something fails.

# %% alt="Five pictures of food in a row, each with its class above: pizza, steak or sushi." caption="Five at random. Would you have labeled them like this?"
gallery.display_random_images(train_custom, class_names, n=5, seed=7)

# %% [markdown] tags=["wrong"] corrects=["55", "56"]
# **`self.transfrm = data_transform`.** The class in the notes had such a line: a letter is missing,
# and a global is stored instead of the argument. Python does not mind, until a picture is asked
# for:


# %%
class Typo(ImageFolderCustom):
    def __init__(self, targ_dir):
        self.paths = sorted(Path(targ_dir).glob("*/*.jpg"))
        self.transfrm = data_transform
        self.classes, self.class_to_idx = find_classes(targ_dir)


try:
    Typo(train_dir)[0]
except AttributeError as error:
    message = str(error)
    print(message)

# %% tags=["check"]
# The misspelled data set can be made, has a length, and fails at its first picture.
assert len(Typo(train_dir)) == 225
assert "no attribute 'transform'" in message

# %% [markdown] covers=["04.19"]
# ## The network
#
# TinyVGG again, now written out. `nn.Linear` must know how many numbers reach it: `padding=1` keeps
# the size, each pooling halves it, so a side of 64 becomes 16.


# %%
class TinyVGG(nn.Module):
    def __init__(self, input_shape, hidden_units, output_shape, side=64):
        super().__init__()
        self.conv_block_1 = self.block(input_shape, hidden_units)
        self.conv_block_2 = self.block(hidden_units, hidden_units)
        left = hidden_units * (side // 4) ** 2
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(left, output_shape))

    def block(self, channels, hidden):
        return nn.Sequential(
            nn.Conv2d(channels, hidden, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=2),
        )

    def forward(self, x):
        return self.classifier(self.conv_block_2(self.conv_block_1(x)))


# %% [markdown] tags=["checkpoint"] covers=["04.20"]
# `torchinfo` sends a picture through and writes down what it finds. Where are most of the
# parameters: in the convolutions, or in the last layer?

# %%
import torchinfo

torch.manual_seed(42)
big = TinyVGG(input_shape=3, hidden_units=10, output_shape=len(class_names))
report = torchinfo.summary(big, input_size=[1, 3, 64, 64], verbose=0)
print(str(report).partition("Total mult")[0].rstrip("=\n"))

# %% tags=["check"]
# 10,693 parameters, most in the last layer; the numbers are those of the library's TinyVGG.
torch.manual_seed(42)
theirs = tiny_vgg.TinyVGG(num_classes=3, image_size=64)
assert sum(p.numel() for p in big.parameters()) == 10_693
assert sum(p.numel() for p in big.classifier.parameters()) == 7_683
assert big.state_dict().keys() == theirs.state_dict().keys()
for name, numbers in theirs.state_dict().items():
    assert torch.equal(big.state_dict()[name], numbers)
with torch.inference_mode():
    torch.testing.assert_close(big(images), theirs(images))

# %% [markdown] tags=["number"] row="04 TinyVGG parameters"
# {{ f"{sum(p.numel() for p in big.parameters()):,}" }}

# %% [markdown] covers=["04.21", "04.22", "04.23"] corrects=["61"]
# ### One epoch, in two functions
#
# Learning and measuring, each for one pass over a loader. Sums are over *pictures* and divided at
# the end. `argmax` of the logits is the class; softmax would not change which is largest, so
# training does without.


# %%
def train_step(model, dataloader, loss_fn, optimizer, device):
    model.train()
    loss_sum, hits, count = 0.0, 0, 0
    for images, labels in dataloader:
        X, y = images.to(device), labels.to(device)
        logits = model(X)
        loss = loss_fn(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(y)
        hits += (logits.argmax(dim=1) == y).sum().item()
        count += len(y)
    return loss_sum / count, hits / count


# %% [markdown]
# Measuring needs no optimizer and no gradients:


# %%
def test_step(model, dataloader, loss_fn, device):
    model.eval()
    loss_sum, hits, count = 0.0, 0, 0
    with torch.inference_mode():
        for images, labels in dataloader:
            X, y = images.to(device), labels.to(device)
            logits = model(X)
            loss_sum += loss_fn(logits, y).item() * len(y)
            hits += (logits.argmax(dim=1) == y).sum().item()
            count += len(y)
    return loss_sum / count, hits / count


# %% [markdown] covers=["04.24"]
# ### Many epochs: `train`
#
# `train` calls both in turn, epoch by epoch. It fills four lists, two from the pictures that the
# model learns from and two from others, prints a line an epoch, and shows a bar in a terminal.

# %%
from tqdm import tqdm


def train(model, train_dataloader, val_dataloader, *, optimizer, loss_fn, epochs, device):
    results = {"train_loss": [], "train_acc": [], "val_loss": [], "val_acc": []}
    model.to(device)
    for epoch in tqdm(range(epochs), disable=None):
        learned = train_step(model, train_dataloader, loss_fn, optimizer, device)
        measured = test_step(model, val_dataloader, loss_fn, device)
        for key, value in zip(results, (*learned, *measured), strict=True):
            results[key].append(value)
        print(f"epoch {epoch + 1}: train loss {learned[0]:.4f}", end=", ")
        print(f"validation loss {measured[0]:.4f}, {measured[1]:.1%} right")
    return results


# %% [markdown]
# The library's three are [`train_step`][pdl.engine.train_step],
# [`test_step`][pdl.engine.test_step] and [`train`][pdl.engine.train]. They do the same, and besides
# check, save, resume and time.

# %% [markdown] tags=["wrong"] corrects=["8", "62"]
# **The notes' `train` measured on the training pictures.** It called `test_step` with
# `train_dataloader`. No error, and every "test" curve was a second training curve. A name such as
# `dataloader` fits anything, so look at the call. **`device=device` in a `def` line** takes the
# value at the moment of definition and keeps it. Pass it.

# %% [markdown]
# One epoch with our function, and one with the engine's, from the same start:

# %%
loss_fn = nn.CrossEntropyLoss()
loaders = [memory.InMemoryLoader(kept_64, batch_size=32, shuffle=True) for _ in range(2)]
steps = [torch.optim.Adam(model.parameters(), lr=0.001) for model in (big, theirs)]
print("ours   ", train_step(big, loaders[0], loss_fn, steps[0], "cpu"))
print("library", tuple(engine.train_step(theirs, loaders[1], loss_fn, steps[1])))

# %% tags=["check"]
# Our steps give what the engine's give; the loader in memory gives ImageFolder's pixels.
in_order = memory.InMemoryLoader(kept_64, batch_size=32)
ours_now = test_step(big, in_order, loss_fn, "cpu")
torch.testing.assert_close(ours_now, tuple(engine.test_step(theirs, in_order, loss_fn)))
for mine, library in zip(big.parameters(), theirs.parameters(), strict=True):
    torch.testing.assert_close(mine, library)
slowly = DataLoader(train_data, batch_size=32)
for (fast, _), (slow, _) in zip(in_order, slowly, strict=True):
    torch.testing.assert_close(fast, slow)

# %% [markdown]
# ## A trap: 225 = 7 x 32 + 1
#
# Why sums over pictures, and not the mean of the batches' accuracies? Divide 225 by 32: seven full
# batches, and one with a single picture.

# %% [markdown] tags=["checkpoint"]
# A model is right on 224 pictures and wrong on the last one. What is its accuracy, and what is the
# mean of its eight batch accuracies?


# %%
def both_ways(right, size=32):
    batch_means = torch.stack([batch.mean() for batch in right.split(size)])
    return right.mean().item(), batch_means.mean().item()


right = torch.ones(225, dtype=torch.float64)
right[-1] = 0
print("by pictures {:.4f}, by batches {:.4f}".format(*both_ways(right)))

# %% [markdown]
# One picture weighs as much as 32 others. Is that pedantry? A well-known course trained TinyVGG on
# the 225 photos of `food_mini` and printed test accuracies like `0.2604`, `0.1979` and, for a later
# network, `0.5417`. The 75 test pictures lie in order of class, in batches of 32, 32 and 11. Take three models
# that each say one dish to everything:

# %%
published = {"pizza": 0.2604, "steak": 0.1979, "sushi": 0.5417}
test_targets = torch.tensor(test_data.targets)
constants = {}
for number, name in enumerate(class_names):
    constants[name] = both_ways((test_targets == number).double())
    print("always {}: by pictures {:.4f}, by batches {:.4f}".format(name, *constants[name]))

# %% tags=["hide-input"] alt="For pizza, steak and sushi two dots: the true accuracy of always saying this dish, and the mean of batch means. Three dotted lines mark the published numbers, and each goes exactly through one mean of batch means." caption="Dotted: the published accuracies. Each is the mean of batch means of a constant answer."
_, ax = plt.subplots(figsize=(7.2, 2.2))
for place, (name, (true, by_batch)) in enumerate(constants.items()):
    ax.axvline(100 * published[name], color=c["orange"], ls=":", lw=1.6)
    ax.plot(100 * true, place, "o", color=c["ink"])
    ax.plot(100 * by_batch, place, "o", color=c["orange"])
ax.text(100 * constants["pizza"][0] + 1, 0, "by pictures", va="center", fontsize=11)
ax.text(
    100 * by_batch - 1,
    2,
    "by batches",
    ha="right",
    va="center",
    fontsize=11,
    color=c["orange"],
)
ax.set_yticks(range(3), [f"always {name}" for name in constants])
ax.set(ylim=(2.5, -0.5), xlabel="test accuracy (%)")
ax.grid(visible=False)

# %% [markdown]
# Each is a constant answer, to all four digits. Networks that give one had learned *nothing*, and
# the largest number, for always saying sushi, looked like a success. Chance is {{ f"{test_chance:.1%}" }}.

# %% tags=["check"]
# 224/225 against 7/8; the published accuracies are constant answers, averaged by batch.
assert both_ways(right) == (224 / 225, 7 / 8)
for name, value in published.items():
    assert abs(constants[name][1] - value) < 5e-5
assert constants["pizza"][1] == 25 / 32 / 3
assert constants["sushi"][0] == test_chance

# %% [markdown] tags=["number"] row="04 constants"
# {{ ", ".join(f"{by_batch:.4f}" for _, by_batch in constants.values()) }}

# %% [markdown] covers=["04.25"]
# Here is their recipe: seed 42, batches of 32, Adam with `lr=0.001`, five epochs (the notes behind
# this book took ten; exercise 5 goes on to 50). We train with our `train`, and time it. To keep this
# page quick, all networks from here on get pictures of 32 pixels, which is a quarter of the work.

# %%
from timeit import default_timer as timer

val_0 = memory.InMemoryLoader(kept, batch_size=45, indices=first_fifth)


def fresh():
    torch.manual_seed(42)
    model = TinyVGG(input_shape=3, hidden_units=10, output_shape=3, side=32)
    loader = memory.InMemoryLoader(kept, batch_size=32, shuffle=True, indices=others)
    return model, loader, torch.optim.Adam(model.parameters(), lr=0.001)


recipe, learn_0, adam = fresh()
start = timer()
rest = {"optimizer": adam, "loss_fn": loss_fn, "epochs": 5, "device": "cpu"}
under = train(recipe, learn_0, val_0, **rest)
print(f"{timer() - start:.1f} s")

# %% [markdown]
# How sure is it of the dish that it names?

# %%
with torch.inference_mode():
    recipe_probs = torch.cat([torch.softmax(recipe(X), dim=1) for X, _ in val_0])
sure = recipe_probs.amax(dim=1).mean().item()
print(f"{sure:.3f} in the mean")

# %% [markdown]
# Who says "a third for each" to every picture has the loss $\ln 3 \approx$
# {{ f"{np.log(3):.4f}" }}, and that is nearly what this network does. Which dish is ahead by a hair
# is chance. It has hardly begun to learn.

# %% tags=["check"]
# The loss stays near ln 3, the network hardly surer than 1/3; engine.train gives our lists.
assert abs(under["train_loss"][-1] - np.log(3)) < 0.2
assert 1 / 3 < sure < 0.55
twin, loader, adam = fresh()
quiet = {"loss_fn": loss_fn, "progress": False}
by_engine = engine.train(twin, loader, val_0, optimizer=adam, epochs=5, **quiet)
for key, values in under.items():
    torch.testing.assert_close(values, by_engine[key], rtol=1e-4, atol=1e-4)

# %% [markdown] covers=["04.17"]
# ## Model 0: no augmentation
#
# Four changes get it going: normalized pictures, a learning rate three times as large that falls to
# zero, batches of 16 and so twice as many steps, and 20 epochs. (Exercise 1 takes such changes one
# at a time.) All steps from folder to model: look, transform, load, build, choose loss and
# optimizer, train, measure, draw the curves, compare.
#
# `prepare` is what happens to bytes before they reach the network. Scaling to numbers from 0 to 1
# comes first, then half the size, then *normalizing*, which moves them to between $-2$ and $2$.


# %%
def prepare(pixels):  # bytes (..., 3, 64, 64) to numbers (..., 3, 32, 32)
    return (F.avg_pool2d(pixels.float() / 255, 2) - 0.5) / 0.25


settings = {"loss_fn": loss_fn, "progress": False, "channels_last": True}


# %% [markdown]
# Where do we measure, with so few pictures? Each of the five seeds sets *another fifth* aside. The
# files are in order of class, so every fifth picture makes a fair share. Together, the five
# networks judge each of the 225 pictures once, and none judges one that it learned from. This is
# called *cross-validation*.


# %%
def fit(seed, change=prepare, epochs=20, channels=10, keep=1):
    aside = range(seed, 225, 5)
    learn = [index for index in range(225) if index not in aside][::keep]
    torch.manual_seed(seed)
    model = TinyVGG(3, channels, 3, side=32)
    of_bytes = {"seed": seed, "batch_size": 16, "shuffle": True, "transform": change}
    train_loader = memory.InMemoryLoader(kept_64, indices=learn, **of_bytes)
    val_loader = memory.InMemoryLoader(kept_64, indices=aside, transform=prepare)
    adam = torch.optim.Adam(model.parameters(), lr=0.003)
    steps = epochs * len(train_loader)
    falling = torch.optim.lr_scheduler.LinearLR(adam, 1, 0, total_iters=steps)
    rate = {"optimizer": adam, "scheduler": falling, "schedule_every": "step"}
    options = rate | settings
    history = engine.train(model, train_loader, val_loader, epochs=epochs, **options)
    return model, history


# %% [markdown] tags=["checkpoint"]
# The network has {{ f"{sum(p.numel() for p in recipe.parameters()):,}" }} parameters, and 180
# pictures to learn from. How well will it know those, and how well the others?

# %%
model_0_runs = [fit(seed) for seed in range(5)]


def table(runs):
    for seed, (_, history) in enumerate(runs):
        seen, unseen = history["train_acc"][-1], history["val_acc"][-1]
        print(f"seed {seed}: train {seen:.1%}, validation {unseen:.1%}", end=", ")
        print(f"validation loss {history['val_loss'][-1]:.2f}")


table(model_0_runs)

# %% [markdown] covers=["04.26"]
# The mean of the five histories, drawn with
# [`plot_loss_curves`][pdl.plotting.plot_loss_curves]:


# %% alt="Two panels over 20 epochs. Training loss keeps falling; validation loss falls first, then rises again. Training accuracy keeps rising; validation accuracy levels off below it." caption="Model 0, mean of five seeds."
def mean_of(runs):
    keys = ("train_loss", "val_loss", "train_acc", "val_acc")
    values = {key: [history[key] for _, history in runs] for key in keys}
    return {key: np.mean(values[key], axis=0).tolist() for key in keys}


mean_0 = mean_of(model_0_runs)
plotting.plot_loss_curves(mean_0)

# %% [markdown]
# It learns, in part by heart: {{ f"{mean_0['train_acc'][-1]:.0%}" }} of what it has seen,
# {{ f"{mean_0['val_acc'][-1]:.0%}" }} of what it has not. Had we measured on the training pictures,
# as in the box above, we would have reported the first number.


# %% tags=["check"]
# All five seeds beat chance on unseen pictures and say all three dishes; they overfit.
def answers(model, seed):
    with torch.inference_mode():
        return model.eval()(prepare(kept_64.data[seed::5])).argmax(dim=1)


for seed, (model, history) in enumerate(model_0_runs):
    hits = (answers(model, seed) == kept_64.targets[seed::5]).float().mean().item()
    assert abs(hits - history["val_acc"][-1]) < 0.03
    assert hits > 0.38 > chance, seed
    assert len(answers(model, seed).unique()) == 3, seed
assert mean_0["val_acc"][-1] > (0.46 if real else 0.8)
assert mean_0["train_acc"][-1] - mean_0["val_acc"][-1] > (0.15 if real else 0.01)

# %% [markdown] covers=["04.13"]
# ## Augmentation
#
# A mirrored pizza is a pizza. *Augmentation* shows each picture changed, another way each epoch, so
# that there is nothing to learn by heart. Only training pictures are changed: we want to know how
# the network does on pictures as they are.
#
# Which changes, and how strong? `RandAugment` has two settings that need tuning.
# [TrivialAugment](https://arxiv.org/abs/2103.10158) has none, and did as well or better in its
# paper.

# %% [markdown] covers=["04.16"] corrects=["111"]
# [`TrivialAugmentWide`](https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.TrivialAugmentWide.html)
# draws **one** of 14 operations for each picture, and a random strength for it. So a picture is
# turned *or* sheared *or* moved *or* gets other colors, never all at once.

# %% alt="Two rows. Each has an original picture of food and four versions: some sheared, or moved with black borders, with other colors or brightness; some unchanged." caption="Four draws for each of two pictures. Identity is one of the operations."
trivial = v2.TrivialAugmentWide(num_magnitude_bins=31)
shown = v2.Compose([v2.Resize((64, 64)), trivial, v2.ToImage()])
gallery.plot_transformed_images(samples, shown, versions=4, seed=5)

# %% [markdown] tags=["wrong"] corrects=["65"]
# **`num_magnitude_bins=31` is not the strength.** It says into how many steps the range of
# strengths is cut; which step is taken is chance. Ten bins turn pictures just as far:

# %%
turns = {bins: trivial._AUGMENTATION_SPACE["Rotate"][0](bins, 64, 64) for bins in (31, 10)}
for bins, angles in turns.items():
    print(f"{bins} bins: angles from {angles[0]:.0f} to {angles[-1]:.0f} degrees")
moves_by = trivial._AUGMENTATION_SPACE["TranslateX"][0](31, 64, 64)
print(f"moves by up to {moves_by[-1]:.0f} pixels, whatever the size of the picture")
print("one of:", *trivial._AUGMENTATION_SPACE)

# %% tags=["check"]
# 14 operations; more bins are finer steps of one range; moves do not depend on the size.
assert len(trivial._AUGMENTATION_SPACE) == 14
assert {len(angles) for angles in turns.values()} == {31, 10}
assert turns[31][-1] == turns[10][-1] == 135
small_moves = trivial._AUGMENTATION_SPACE["TranslateX"][0](31, 32, 32)
assert moves_by[-1] == small_moves[-1] == 32
flat = torch.full((3, 64, 64), 200, dtype=torch.uint8)
assert trivial(flat).shape == flat.shape
assert trivial(flat).dtype == torch.uint8

# %% [markdown] covers=["04.14", "04.15"]
# A picture of 32 pixels could be moved out of sight. So change a picture while it is still large,
# here at 64 pixels or more, and shrink it afterwards. For `ImageFolder` the notes' transforms were, in today's names:

# %%
ending = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
train_transforms = v2.Compose([v2.Resize((224, 224)), trivial, *ending])
test_transforms = v2.Compose([v2.Resize((224, 224)), *ending])
print(train_transforms(img).shape, test_transforms(img).shape)

# %% [markdown]
# The files on the disk stay as they are; there are only more different pictures to see. The library
# `albumentations` has many more changes, and takes boxes and masks along.
#
# For our loader in memory, one picture after the other:


# %%
def change_and_prepare(batch):
    return prepare(torch.stack([trivial(picture) for picture in batch]))


# %% [markdown] covers=["04.28"]
# ## Model 1: the same with augmentation
#
# Seeds, fifths, steps and learning rate stay. One thing changes: the pictures.

# %% [markdown] tags=["checkpoint"]
# Will Model 1 know its training pictures better or worse than Model 0? And the others?

# %%
model_1_runs = [fit(seed, change_and_prepare) for seed in range(5)]
mean_1 = mean_of(model_1_runs)
table(model_1_runs)

# %% tags=["hide-input"] alt="Two panels with five dots for each of two models and a bar at their mean. Left, validation accuracy: all ten dots lie to the right of the dotted line of chance. Right, validation loss, with a dotted line at the loss of knowing nothing." caption="Each dot is a seed with its own fifth of the pictures; bars are means. Dotted: knowing nothing."
_, panels = plt.subplots(1, 2, figsize=(7.2, 2.3), sharey=True)
for ax, (key, factor, label) in zip(
    panels,
    (("val_acc", 100, "validation accuracy (%)"), ("val_loss", 1, "validation loss")),
    strict=True,
):
    for place, runs in enumerate((model_0_runs, model_1_runs)):
        values = [factor * history[key][-1] for _, history in runs]
        ax.plot([np.mean(values)] * 2, [place - 0.25, place + 0.25], color=c["orange"])
        ax.plot(values, [place] * 5, "o", color=c["ink"], ms=6)
    ax.set(xlabel=label, ylim=(1.5, -0.5))
    ax.set_yticks([0, 1], ["Model 0", "Model 1"])
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
panels[0].axvline(100 * chance, color=c["muted"], ls=":")
panels[1].axvline(np.log(3), color=c["muted"], ls=":")
spread = {}
for name, runs in (("Model 0", model_0_runs), ("Model 1", model_1_runs)):
    ends = [history["val_acc"][-1] for _, history in runs]
    spread[name] = (min(ends), max(ends))

# %% [markdown]
# Validation accuracy goes from {{ f"{mean_0['val_acc'][-1]:.1%}" }} in the mean (seeds from
# {{ f"{spread['Model 0'][0]:.0%}" }} to {{ f"{spread['Model 0'][1]:.0%}" }}) to
# {{ f"{mean_1['val_acc'][-1]:.1%}" }} (from {{ f"{spread['Model 1'][0]:.0%}" }} to
# {{ f"{spread['Model 1'][1]:.0%}" }}), the loss from {{ f"{mean_0['val_loss'][-1]:.2f}" }} to
# {{ f"{mean_1['val_loss'][-1]:.2f}" }}. {{ "Model 0 is right more often than chance, and yet its loss is worse than that of a third for each: it is sure of its mistakes, and cross-entropy makes it pay." if mean_0["val_loss"][-1] > np.log(3) else "" }}
#
# A fifth is 45 pictures, so one picture is
# {{ f"{100 / 45:.1f}" }} points, and single seeds say little.
#
# Model 1 knows fewer of its training pictures, {{ f"{mean_1['train_acc'][-1]:.0%}" }} instead of
# {{ f"{mean_0['train_acc'][-1]:.0%}" }}, for they are changed and harder. It is a smaller gap that
# we were after.

# %% tags=["check"]
# Five of five beat chance and say all dishes; with augmentation the gap shrinks by far.
for seed, (model, history) in enumerate(model_1_runs):
    assert history["val_acc"][-1] > 0.38 > chance, seed
    assert len(answers(model, seed).unique()) == 3, seed
gaps = [mean["train_acc"][-1] - mean["val_acc"][-1] for mean in (mean_0, mean_1)]
assert gaps[1] < gaps[0] - 0.05
assert mean_1["val_loss"][-1] < (0.9 if real else 1.1) * mean_0["val_loss"][-1]
assert mean_1["val_acc"][-1] > (0.5 if real else 0.85)

# %% [markdown] covers=["04.27"]
# ## Reading loss curves
#
# Three real runs: the recipe above, Model 0 learning from only 18 pictures, and Model 1.

# %%
few_runs = [fit(seed, epochs=50, keep=10) for seed in range(3)]
mean_few = mean_of(few_runs)

# %% tags=["hide-input"] alt="Three panels with training and validation loss. Underfitting: both curves stay near 1.1. Overfitting: training loss falls to zero while validation loss rises and leaves the panel. About right: both fall, and neither turns." caption="Underfitting, overfitting, about right. Dotted: ln 3, the loss of knowing nothing."
_, panels = plt.subplots(1, 3, figsize=(7.2, 2.9), sharey=True)
curves = {"underfitting": under, "overfitting": mean_few, "about right": mean_1}
for ax, (title, history) in zip(panels, curves.items(), strict=True):
    epochs = range(1, len(history["train_loss"]) + 1)
    ax.plot(epochs, history["train_loss"], color=c["blue"])
    ax.plot(epochs, history["val_loss"], color=c["green"])
    ax.axhline(np.log(3), color=c["muted"], ls=":", lw=1.2)
    ax.set(title=title, xlabel="epoch", ylim=(0, 2))
    ax.title.set_fontsize(13)
panels[0].set_ylabel("loss")
panels[1].text(50, 0.3, "training", color=c["blue"], ha="right", weight="bold")
_ = panels[1].text(50, 1.55, "validation", color=c["green"], ha="right", weight="bold")

# %% [markdown] corrects=["63", "64"]
# **Underfitting:** the training loss itself is high. **Overfitting:** training loss falls, and
# validation loss *rises again*, as in the curves of Model 0, or rises from early on, as here. Some gap is normal, and curves that lie
# on each other are no goal: you get them by learning nothing, as on the left.
#
# | the model underfits: let it learn more | the model overfits: give it less to hold on to |
# |---|---|
# | train longer | more pictures |
# | larger learning rate, or a smaller one if the loss jumps | augmentation |
# | more layers or channels | fewer layers or channels |
# | start from a trained network: transfer learning | the same: it needs fewer pictures |
# | less augmentation, less regularization | stop early, weight decay, dropout |
#
# Augmentation stands on the right only. The notes gave it to a model that underfits, and found that
# it still underfits.

# %% tags=["check"]
# Left: little learned. Middle: validation loss rises again. Right: it ends near its lowest.
lowest = int(np.argmin(mean_few["val_loss"]))
assert min(under["train_loss"]) > 0.9
assert mean_few["train_loss"][-1] < 0.25
assert mean_few["val_loss"][-1] > 1.2 * mean_few["val_loss"][lowest]
assert lowest < 40
assert mean_1["val_loss"][-1] < 1.15 * min(mean_1["val_loss"])

# %% [markdown] covers=["04.29", "04.30"]
# ## Compare, then test once
#
# A dict of runs and one figure is enough for two models. For more, a tracker keeps score:
# TensorBoard, Weights & Biases, or MLflow. We choose Model 1, for its lower validation loss. Now
# the test, once; Model 0 is measured too, to see whether the choice was right:

# %%
test_64 = memory.load_images(folder.ImageFolderCustom(test_dir), image_size=64)
test_loader = memory.InMemoryLoader(test_64, batch_size=32, transform=prepare)
tested = {}
for name, runs in (("Model 0", model_0_runs), ("Model 1", model_1_runs)):
    results = [test_step(model, test_loader, loss_fn, "cpu") for model, _ in runs]
    tested[name] = np.mean(results, axis=0)  # loss, accuracy
    each = " ".join(f"{accuracy:.1%}" for _, accuracy in results)
    print(f"{name}: {each}, mean {tested[name][1]:.1%}, loss {tested[name][0]:.2f}")

# %% [markdown]
# {{ f"{tested['Model 1'][1]:.0%}" }} on dishes that nobody showed it, with chance at
# {{ f"{test_chance:.0%}" }}. {{ "75 pictures are too few to tell the two accuracies apart; the loss tells more." if real else "Drawings are easier than photos, where the same recipe stays far below." }}
# What the same idea grows into can be seen at [Nutrify](https://nutrify.app), an app that names
# what is on the plate.

# %% tags=["check"]
# On the test the five beat the commonest dish in the mean, and each says all three dishes.
assert tested["Model 1"][1] > (test_chance + 0.03 if real else 0.8)
if real:
    assert tested["Model 1"][0] < tested["Model 0"][0]
for model, _ in model_1_runs:
    with torch.inference_mode():
        assert len(model(prepare(test_64.data)).argmax(dim=1).unique()) == 3

# %% [markdown] covers=["04.31"]
# ## A picture of your own
#
# No phone lies beside the machine that builds this page. So a test picture plays the part: made as
# large as a phone's photo and saved as a file.

# %%
net = model_1_runs[0][0].eval()
with tempfile.TemporaryDirectory() as pocket:
    photo_path = Path(pocket, "photo.jpg")
    first_test = Image.open(sorted(test_dir.glob("pizza/*.jpg"))[2]).convert("RGB")
    first_test.resize((3024, 4032)).save(photo_path)
    with Image.open(photo_path) as opened:
        photo = opened.convert("RGB")
custom_image_uint8 = v2.functional.pil_to_tensor(photo)
print(custom_image_uint8.shape, custom_image_uint8.dtype)

# %% [markdown] corrects=["72"]
# `torchvision.io.read_image` would give the same bytes in one call, but is declared obsolete in its
# documentation. Three things must be as in training: the **type** (`float32`), the **shape**
# (`(1, 3, 32, 32)` for our network), and the **device**.

# %% [markdown] tags=["checkpoint"]
# Each of these calls gets one of them wrong. Which error will be the hardest to read?

# %%
small = v2.functional.resize(custom_image_uint8, [32, 32])
ready = small.float() / 255
attempts = {
    "bytes": lambda: net(small.unsqueeze(0)),
    "no batch": lambda: net(ready),
    "64 x 64": lambda: net(torch.zeros(1, 3, 64, 64)),
    "elsewhere": lambda: net(ready.unsqueeze(0).to("meta")),  # plays a GPU
}
messages = {}
for name, attempt in attempts.items():
    try:
        attempt()
    except (RuntimeError, NotImplementedError) as error:
        messages[name] = str(error).splitlines()[0]
        print(f"{name}: {messages[name]}")

# %% [markdown] tags=["wrong"] corrects=["66", "67"]
# **Type:** divide bytes by 255, or use `v2.ToDtype(torch.float32, scale=True)`. The notes wanted
# `ToTensor` here; it refuses tensors. **Shape:** channels come first, `(3, 64, 64)` and not
# `(64, 64, 3)`; a batch of one is `unsqueeze(dim=0)`. When `mat1 and mat2` do not fit, the size of
# the picture is wrong, or the batch is missing. **Device:** `.to(device)`, for model and picture.

# %% [markdown]
# The worst mistake gives no error. The right type and shape, but nobody divided by 255:

# %%
with torch.inference_mode():
    undivided = net(small.float().unsqueeze(0))
print(undivided, torch.softmax(undivided, dim=1))

# %% [markdown] covers=["04.32", "04.33"] corrects=["73"]
# Certainty from nonsense. The cure is one pipeline for everything: the `Resize` of training, then
# `prepare` of training. Logits become probabilities by softmax, and `argmax` finds the name.

# %%
pipeline = v2.Compose([v2.Resize((64, 64)), v2.PILToTensor(), prepare])
batch_of_one = pipeline(photo).unsqueeze(dim=0)
with torch.inference_mode():
    logits = net(batch_of_one)
probs = torch.softmax(logits, dim=1)
print(batch_of_one.shape, logits, probs, sep="\n")
print(class_names[probs.argmax(dim=1).item()])

# %% tags=["check"]
# Four errors as told; undivided bytes give huge logits; the pipeline is that of training.
assert list(messages) == ["bytes", "no batch", "64 x 64", "elsewhere"]
assert "type" in messages["bytes"]
assert "mat1 and mat2" in messages["no batch"]
assert "mat1 and mat2" in messages["64 x 64"]
assert "device" in messages["elsewhere"]
assert custom_image_uint8.shape == (3, 4032, 3024)
refused = ""
try:
    transforms.ToTensor()(custom_image_uint8)
except TypeError as error:
    refused = str(error)
assert "PIL Image" in refused
assert batch_of_one.shape == (1, 3, 32, 32)
assert undivided.abs().max() > 5 * logits.abs().max()
assert torch.softmax(undivided, dim=1).max() > 0.99
again = prepare(pipeline.transforms[1](v2.functional.resize(dishes[7][0], [64, 64])))
torch.testing.assert_close(again, prepare(kept_64.data[7]))
notes = torch.softmax(torch.tensor([-0.3249, -0.3194, -0.3367]), dim=0)
torch.testing.assert_close(notes, torch.tensor([0.3340, 0.3359, 0.3301]), atol=1e-4, rtol=0)

# %% [markdown] tags=["number"] row="N13"
# {{ ", ".join(f"{share:.4f}" for share in notes) }}

# %% [markdown] corrects=["74"]
# The notes' network gave `0.3340`, `0.3359` and `0.3301` for a pizza. Such numbers are no narrow
# win for class 1. They are "a third for each": it knew nothing.

# %% [markdown] covers=["04.34"]
# All in one function, a first version:


# %% alt="A blurred large picture of food with the predicted dish and its probability as title."
def pred_and_plot_image(model, picture, class_names, transform, device="cpu"):
    model.to(device).eval()
    with torch.inference_mode():
        logits = model(transform(picture).unsqueeze(0).to(device))
    probs = torch.softmax(logits, dim=1)[0].cpu()
    best = int(probs.argmax())
    _, ax = plt.subplots(figsize=(2.6, 3.4))
    ax.imshow(picture.resize((192, 256)))
    ax.set_title(f"{class_names[best]} {probs[best]:.0%}", fontsize=12)
    ax.axis("off")
    return class_names[best], probs[best].item()


said_by_hand = pred_and_plot_image(net, photo, class_names, pipeline)

# %% [markdown]
# It moves the model and leaves it there, in eval mode.
# [`predict.pred_and_plot_image`][pdl.predict.pred_and_plot_image] puts everything back as it was,
# takes files, and mends gray and transparent pictures.

# %% alt="The same picture with three horizontal bars beside it, the probability of each dish in percent."
from pdl import predict

thumbnail = photo.reduce(12)  # a figure needs no 12 million pixels
predict.pred_and_plot_image(net, thumbnail, class_names, transform=pipeline)

# %% tags=["check"]
# The library names the same dish with the same probability.
by_library = predict.predict(net, photo, class_names, transform=pipeline)[0]
assert by_library.label == said_by_hand[0]
assert abs(by_library.prob - said_by_hand[1]) < 1e-5
assert abs(sum(by_library.probs) - 1) < 1e-5

# %% [markdown]
# ## Recap
#
# - Folder names are labels. Count, look, and write down chance before you train.
# - `ImageFolder` reads this layout; a data set of your own needs `__len__` and `__getitem__`.
# - Sum over pictures. A last batch of one can turn nothing into a number that looks like something.
# - High training loss: underfitting. Validation loss that rises: overfitting, and a case for
#   augmentation, on training pictures only.
# - With few pictures, use several seeds and several validation parts, and say the spread.
# - Predict with the transforms of training: type, shape, device, and the division by 255.
#
# ## Exercises

# %% [markdown] tags=["exercise"] level="measure" answer=["help_by: a dict from each way to the lowest training loss; its first key is \"nothing\""]
# ### Exercise 1: against underfitting
#
# Name three ways to help a model that underfits. Try each of them alone on the recipe that hardly
# learned.


# %% tags=["solution"]
def halved(pixels):
    return F.avg_pool2d(pixels.float() / 255, 2)  # as prepare, but not normalized


def helped(epochs=5, batch_size=32, change=halved):
    torch.manual_seed(42)
    model = TinyVGG(3, 10, 3, side=32)
    shuffled = {"batch_size": batch_size, "shuffle": True, "indices": others}
    loader = memory.InMemoryLoader(kept_64, transform=change, **shuffled)
    adam = torch.optim.Adam(model.parameters(), lr=0.001)
    history = engine.train(model, loader, optimizer=adam, epochs=epochs, **settings)
    return min(history["train_loss"])


help_by = {
    "nothing": helped(),
    "15 epochs": helped(epochs=15),
    "batches of 4": helped(batch_size=4),
    "normalized": helped(change=prepare),
}
print({name: f"{loss:.3f}" for name, loss in help_by.items()})

# %% tags=["solution", "check"]
# Each way lowers the training loss below that of the recipe.
assert all(loss < help_by["nothing"] - 0.02 for name, loss in list(help_by.items())[1:])

# %% [markdown] tags=["exercise"] level="warm-up" answer=["loaders: what `create_dataloaders` returns"]
# ### Exercise 2: loaders
#
# Make a training and a validation loader with one call of
# [`create_dataloaders`][pdl.data.loaders.create_dataloaders], with TrivialAugment for training.
# How many batches are in each, and which pictures are changed?

# %% tags=["solution"]
from pdl.data.loaders import create_dataloaders
from pdl.data.transforms import eval_transform, train_transform

loaders = create_dataloaders(
    train_dir, test_dir, transform=eval_transform(64), train_transform=train_transform(64)
)
print(len(loaders.train), len(loaders.val), len(loaders.test), loaders.class_names)

# %% tags=["solution", "check"]
# 180, 45 and 75 pictures; only those to train on change from epoch to epoch.
sizes_of = [len(part.dataset) for part in loaders[:3]]
assert sizes_of == [180, 45, 75]
passes = [next(iter(loaders.val))[0] for _ in range(2)]
assert torch.equal(*passes)
assert not torch.equal(*[next(iter(loaders.train))[0] for _ in range(2)])

# %% [markdown] tags=["exercise"] level="build" answer=["side: the side that is left", "count: the number of parameters, for 10 hidden units and 3 classes"]
# ### Exercise 3: another TinyVGG
#
# The [CNN Explainer](https://poloclub.github.io/cnn-explainer/) uses no padding. Which side is left
# of 64, and how many parameters are there?

# %% tags=["solution"]
side = 64
for _ in range(2):
    side = (side - 2 - 2) // 2  # two convolutions take two pixels each, pooling halves
count = (3 * 9 + 1) * 10 + 3 * (10 * 9 + 1) * 10 + (10 * side * side + 1) * 3
print(side, count)

# %% tags=["solution", "check"]
# 13 pixels and 8,083 parameters, as in the library's TinyVGG without padding.
without = tiny_vgg.TinyVGG(num_classes=3, image_size=64, padding=0)
assert side == 13
assert count == sum(p.numel() for p in without.parameters()) == 8_083

# %% [markdown] tags=["exercise"] level="build" answer=["losses: the validation loss of each epoch, as a list", "stopped: the model, with the weights of its best epoch", "fifth: the validation loader: pictures `first_fifth` of `kept_64`, through `prepare`"]
# ### Exercise 4: a `train` that stops
#
# Write `train` anew from `train_step` and `test_step`, so that it stops when the validation loss
# has not been lowest for eight epochs, and gives the weights of the best epoch back. Try it on
# the 18 pictures of the overfitting run.


# %% tags=["solution"]
def train_until(model, train_loader, val_loader, *, optimizer, patience, epochs=50):
    losses, best = [], {}
    for _ in range(epochs):
        train_step(model, train_loader, loss_fn, optimizer, "cpu")
        losses.append(test_step(model, val_loader, loss_fn, "cpu")[0])
        if losses[-1] == min(losses):
            best = {name: value.clone() for name, value in model.state_dict().items()}
        if len(losses) - losses.index(min(losses)) > patience:
            break
    model.load_state_dict(best)
    return losses


torch.manual_seed(0)
stopped = TinyVGG(3, 10, 3, side=32)
of_bytes = {"batch_size": 16, "transform": prepare}
eighteen = memory.InMemoryLoader(kept_64, shuffle=True, indices=others[::10], **of_bytes)
fifth = memory.InMemoryLoader(kept_64, indices=first_fifth, **of_bytes)
adam = torch.optim.Adam(stopped.parameters(), lr=0.003)
losses = train_until(stopped, eighteen, fifth, optimizer=adam, patience=8)
print(f"stopped after {len(losses)} epochs, best after {losses.index(min(losses)) + 1}")

# %% tags=["solution", "check"]
# It stops eight epochs after the lowest loss, and has the weights of that epoch back.
assert len(losses) < 50
assert len(losses) - losses.index(min(losses)) == 9
back = test_step(stopped, fifth, loss_fn, "cpu")[0]
assert abs(back - min(losses)) < 1e-4
assert losses[-1] > back

# %% [markdown] tags=["exercise"] level="measure" answer=["long_run: what `engine.train` returns for the longest run; `fresh()` makes its parts"]
# ### Exercise 5: 5, 20 and 50 epochs
#
# Train with Adam and `lr=0.001` for so long. How many runs do you need, if the learning rate stays
# the same?

# %% tags=["solution"]
model, loader, adam = fresh()
long_run = engine.train(model, loader, val_0, optimizer=adam, epochs=50, **settings)
for epochs in (5, 20, 50):
    print(
        f"{epochs} epochs: train loss {long_run['train_loss'][epochs - 1]:.3f}, "
        f"validation {long_run['val_acc'][epochs - 1]:.1%}"
    )

# %% tags=["solution", "check"]
# One run holds all three; more epochs lower the training loss.
short_five, twenty, fifty = (long_run["train_loss"][epochs - 1] for epochs in (5, 20, 50))
assert fifty < twenty < short_five + 0.01
assert fifty < short_five - 0.1

# %% [markdown] tags=["exercise"] level="measure" answer=["wide_model: the model with 20 channels", "wide: its history, as `fit` returns it for seed 0", "narrow: the history with 10 channels, from `model_0_runs`"]
# ### Exercise 6: twice the channels
#
# Model 0 with 20 channels instead of 10, 20 epochs. Does the training loss fall, does the
# validation loss?

# %% tags=["solution"]
wide_model, wide = fit(0, channels=20)
narrow = model_0_runs[0][1]
for name, history in (("10 channels", narrow), ("20 channels", wide)):
    losses = [history[key][-1] for key in ("train_loss", "val_loss")]
    print(f"{name}: training loss {losses[0]:.3f}, validation loss {losses[1]:.3f}")

# %% tags=["solution", "check"]
# Twice the channels make over twice the parameters, and know the training pictures as well.
few, many = (
    sum(parameter.numel() for parameter in model.parameters())
    for model in (model_0_runs[0][0], wide_model)
)
assert many > 2 * few
assert wide["train_loss"][-1] < narrow["train_loss"][-1] + 0.1

# %% [markdown] tags=["solution"]
# A wider network knows its training pictures sooner. It has no more of them to learn from, so the
# validation loss need not follow: compare the two numbers on the right.

# %% [markdown] tags=["exercise"] level="measure"
# ### Exercise 7: twice the pictures
#
# There are no 450 pictures here. So go the other way: learn from a tenth, from half, and from all
# 180. What would you expect of twice as many?

# %% tags=["solution"]
mean_half = mean_of([fit(seed, keep=2) for seed in range(2)])
by_count = {18: mean_few, 90: mean_half, 180: mean_0}
for count, mean in by_count.items():
    print(f"{count:3} pictures: validation {mean['val_acc'][-1]:.1%}")

# %% tags=["solution", "check"]
# Ten times the pictures give a better accuracy.
assert mean_0["val_acc"][-1] > mean_few["val_acc"][-1] + 0.03

# %% [markdown] tags=["solution"]
# Ten times the pictures helped, though the smallest run also took more epochs over them. Twice as many, 90 to 180, is a step too small to see with two seeds.
# Nothing says that it ends at 180. [A later chapter](06_transfer_learning.md) takes another
# road: a network that has seen a million pictures before.

# %% [markdown] tags=["exercise"] level="open" answer=["drawing: your picture, opened with PIL"]
# ### Exercise 8: your own
#
# Photograph your dinner, or take a picture of something that is no food at all. What does the
# network say, and how sure is it? The solution draws a pizza.

# %% tags=["solution"] alt="A drawn pizza, and three bars with the probability of each dish."
from pdl.data.drawn import draw_food

drawing = draw_food("pizza", seed=2026, size=(400, 300))
predict.pred_and_plot_image(net, drawing, class_names, transform=pipeline)

# %% tags=["solution", "check"]
# Whatever the picture, the three probabilities add up to one: there is no "none of these".
for picture in (drawing, Image.new("RGB", (90, 60), "navy")):
    result = predict.predict(net, picture, class_names, transform=pipeline)[0]
    assert abs(sum(result.probs) - 1) < 1e-5
    assert set(result.labels) == set(class_names)

# %% [markdown]
# ## Where next
#
# This page grew long, and its functions are needed again. [The next chapter](05_going_modular.md) moves them into modules,
# and trains from the command line. The API pages of what appeared here:
# [`pdl.data.sources`](../api/data.sources.md), [`pdl.data.folder`](../api/data.folder.md),
# [`pdl.data.transforms`](../api/data.transforms.md), [`pdl.data.augment`](../api/data.augment.md),
# [`pdl.data.memory`](../api/data.memory.md), [`pdl.data.loaders`](../api/data.loaders.md),
# [`pdl.models.tiny_vgg`](../api/models.tiny_vgg.md), [`pdl.engine`](../api/engine.md),
# [`pdl.gallery`](../api/gallery.md) and [`pdl.predict`](../api/predict.md).
#
# Worth reading besides: [Food-101](https://link.springer.com/chapter/10.1007/978-3-319-10599-4_29),
# the paper of the photos, and [image
# augmentation](https://d2l.ai/chapter_computer-vision/image-augmentation.html) in *Dive into Deep
# Learning*.
