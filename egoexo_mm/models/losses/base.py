"""What the losses of the auxiliary heads have in common."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn


class ClipLoss(nn.Module):
    """``loss_weight`` x a distance of student and teacher, mean over clips; a base.

    Args:
        loss_weight: Weight of the loss.
    """

    def __init__(self, *, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    @abstractmethod
    def distance(self, pred: Tensor, target: Tensor) -> Tensor:
        """(M,) distances of float32 outputs (M, ...) and targets of the same shape."""

    def forward(self, pred: Tensor, target: Tensor, avg_factor: int | None = None) -> Tensor:
        """Weighted loss of a batch.

        Args:
            pred: (M, ...) outputs of the student for the clips that have a target.
            target: The same of the teacher.
            avg_factor: Clips in the batch, with and without a target; ``M`` by default.

        Returns:
            A scalar; zero with a gradient path when ``M`` is 0.
        """
        if not len(pred):
            return pred.sum() * 0
        distance = self.distance(pred.float(), target.float())
        return self.loss_weight * distance.sum() / (avg_factor or len(pred))
