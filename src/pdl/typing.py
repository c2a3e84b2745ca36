"""What does each letter in a tensor's shape stand for?

One alphabet for the whole project:

    B batch, C channels, H W image height and width, P patch side,
    N patches (H * W / P**2), T tokens (N + 1 with the class token),
    D embedding width, M MLP width, h heads, d width of one head (D / h), K classes, S samples.
"""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

Images = Float[Tensor, "B C H W"]
Tokens = Float[Tensor, "B T D"]
Logits = Float[Tensor, "B K"]
Labels = Int[Tensor, "B"]
Points = Float[Tensor, "S 2"]
PointLabels = Int[Tensor, "S"]
Column = Float[Tensor, "S 1"]
Hits = Bool[Tensor, "..."]
Scalar = Shaped[Tensor, ""]

Batches: TypeAlias = Iterable[tuple[Tensor, Tensor]]
"""Any iterable of ``(inputs, targets)`` that can be walked through once an epoch."""

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""``loss_fn(outputs, targets)``: the mean over the samples of the batch, a scalar."""

Metric: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""``metric(outputs, targets)``: the mean over the samples (a scalar), or one value per sample."""
