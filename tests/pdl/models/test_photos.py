"""On the real photos of pizza, steak and sushi, where the user has them (PDL_DATA_DIR, cache)."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.datasets import ImageFolder

from pdl.data.augment import BatchAugment
from pdl.data.memory import InMemoryLoader, load_images
from pdl.data.sources import Found, find
from pdl.engine import train
from pdl.errors import DataError
from pdl.models.backbone import create_backbone, extract_features
from pdl.models.tiny_vgg import TinyVGG
from pdl.predict import predict_loader
from pdl.seed import make_generator, set_seeds

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photos() -> Found:
    try:
        return find("food_mini", allow_download=False, allow_stand_in=False)
    except DataError:
        pytest.skip("needs the photos, in PDL_DATA_DIR or in the cache")


@pytest.fixture(scope="module")
def features(photos: Found) -> dict[str, tuple[Tensor, Tensor]]:
    model = create_backbone("efficientnet_lite0", 3)
    return {
        part: extract_features(model, DataLoader(ImageFolder(str(folder), model.transform), 32))
        for part, folder in (("train", photos.train_dir), ("test", photos.test_dir))
    }


@pytest.mark.parametrize("seed", [0, 1, 42])
def test_a_new_head_on_frozen_features_gets_four_of_five_right(features, seed):
    set_seeds(seed)
    head = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 3))  # that of create_backbone
    loader = DataLoader(
        TensorDataset(*features["train"]), 32, shuffle=True, generator=make_generator(seed)
    )
    history = train(
        head,
        loader,
        [features["test"]],
        optimizer=torch.optim.Adam(head.parameters(), lr=1e-3),
        loss_fn=nn.CrossEntropyLoss(),
        epochs=10,
        progress=False,
    )
    assert history["val_acc"][-1] >= 0.80
    head.eval()
    assert head(features["test"][0]).argmax(dim=1).unique().numel() == 3


def test_tiny_vgg_from_scratch_is_better_than_chance(photos):
    """Over seeds 0, 1, 2, 3 and 42: 68 % on validation and 57 % on test, spread 5 and 3 points.

    The largest class is 41 % of the test set. A constant predictor, which is what the notes' recipe
    ends as on these photos, gets no more than that.
    """
    folders = (photos.train_dir, photos.test_dir)
    data, test = (load_images(ImageFolder(str(folder)), image_size=64) for folder in folders)
    set_seeds(0)
    order = torch.randperm(len(data), generator=make_generator(0)).tolist()
    augment = BatchAugment(shift=0.15, zoom=0.3, brightness=0.1)
    loader = InMemoryLoader(data, shuffle=True, seed=0, transform=augment, indices=order[45:])
    model, epochs = TinyVGG(num_classes=3), 60
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    steps = epochs * len(loader)
    history = train(
        model,
        loader,
        InMemoryLoader(data, indices=order[:45]),
        optimizer=optimizer,
        loss_fn=nn.CrossEntropyLoss(),
        epochs=epochs,
        scheduler=torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps),
        schedule_every="step",
        progress=False,
    )
    probs, labels = predict_loader(model, InMemoryLoader(test))
    assert history["val_acc"][-1] > 0.5
    assert float((probs.argmax(dim=1) == labels).float().mean()) > 0.45
    assert probs.argmax(dim=1).unique().numel() == 3
