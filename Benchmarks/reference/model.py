"""Late fusion of frozen features: a linear embedding a modality, a classifier over all, and one on each."""

import torch
from torch import Tensor, nn


class LateFusion(nn.Module):
    def __init__(self, widths: list[int], hidden: int, classes: int):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Linear(width, hidden) for width in widths)
        self.heads = nn.ModuleList(nn.Linear(hidden, classes) for _ in widths)
        self.classifier = nn.Linear(hidden * len(widths), classes)

    def forward(self, inputs: list[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Each modality's feature, and the fused logits."""
        features = [embed(x) for embed, x in zip(self.embeddings, inputs)]
        return features, self.classifier(torch.cat(features, dim=1))

    def unimodal(self, features: list[Tensor]) -> list[Tensor]:
        """The logits of each modality's own classifier."""
        return [head(e) for head, e in zip(self.heads, features)]

    def parts(self, features: list[Tensor]) -> list[Tensor]:
        """What each modality adds to the fused logits, the bias shared equally."""
        columns = self.classifier.weight.chunk(len(features), dim=1)
        share = self.classifier.bias / len(features)
        return [e @ part.T + share for e, part in zip(features, columns)]
