"""One training step of six methods, as research code in plain eager PyTorch writes them.

Scores are computed for the whole batch at once, not sample by sample; the gradients that a method needs apart are
taken one torch.autograd.grad each; the optimizer is whatever the caller made, with its defaults.
"""

import math
from itertools import combinations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softmax
from torch.optim import Optimizer

from model import LateFusion


class Joint:
    """Descends the fused loss."""

    def __init__(self, model: LateFusion, optimizer: Optimizer, steps: int):
        self.model, self.optimizer, self.steps = model, optimizer, steps
        self.done = 0

    def step(self, inputs: list[Tensor], labels: Tensor) -> float:
        self.optimizer.zero_grad()
        loss = self.backward(inputs, labels)
        self.optimizer.step()
        self.done += 1
        return loss

    def backward(self, inputs: list[Tensor], labels: Tensor) -> float:
        _, logits = self.model(inputs)
        loss = cross_entropy(logits, labels)
        loss.backward()
        return loss.item()


class Uniform(Joint):
    """The fused loss and every unimodal loss."""

    def backward(self, inputs: list[Tensor], labels: Tensor) -> float:
        features, logits = self.model(inputs)
        loss = cross_entropy(logits, labels)
        for unimodal in self.model.unimodal(features):
            loss = loss + cross_entropy(unimodal, labels)
        loss.backward()
        return loss.item()


class OGMGE(Joint):
    """Scales the gradient of the modality that is ahead, and adds noise as wide as the gradient (CVPR 2022)."""

    alpha = 0.3
    noise = True

    def backward(self, inputs: list[Tensor], labels: Tensor) -> float:
        features, logits = self.model(inputs)
        loss = cross_entropy(logits, labels)
        loss.backward()
        with torch.no_grad():
            scores = [
                softmax(part, dim=1).gather(1, labels[:, None]).sum().item() for part in self.model.parts(features)
            ]
        for m, embedding in enumerate(self.model.embeddings):
            ratio = scores[m] * (len(scores) - 1) / (sum(scores) - scores[m])
            factor = 1 - math.tanh(self.alpha * ratio) if ratio > 1 else 1.0
            for p in embedding.parameters():
                if self.noise:
                    p.grad = p.grad * factor + torch.zeros_like(p.grad).normal_(0, p.grad.std().item() + 1e-8)
                else:
                    p.grad *= factor
        return loss.item()


class AGM(Joint):
    """Scales the gradient that enters each modality's Shapley value of the fused logits (ICCV 2023)."""

    alpha, cap = 1.0, 7.0

    def __init__(self, model: LateFusion, optimizer: Optimizer, steps: int):
        super().__init__(model, optimizer, steps)
        self.means = [0.0] * len(model.embeddings)

    def responses(self, inputs: list[Tensor]) -> list[Tensor]:
        count = len(inputs)
        zeros = [torch.zeros_like(x) for x in inputs]
        logits = {(): 0.0}
        for size in range(1, count + 1):
            for there in combinations(range(count), size):
                _, logits[there] = self.model([inputs[m] if m in there else zeros[m] for m in range(count)])
        responses = []
        for m in range(count):
            others = [j for j in range(count) if j != m]
            terms = []
            for size in range(count):
                share = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
                for there in combinations(others, size):
                    terms.append(share * (logits[tuple(sorted((*there, m)))] - logits[there]))
            responses.append(sum(terms))
        return responses

    def backward(self, inputs: list[Tensor], labels: Tensor) -> float:
        responses = self.responses(inputs)
        with torch.no_grad():
            scores = [
                -softmax(r, dim=1).gather(1, labels[:, None]).clamp(min=1e-8).log().mean().item() for r in responses
            ]
        ahead, before = self.discrepancies(scores), self.discrepancies(self.means)
        self.means = [(mean * self.done + score) / (self.done + 1) for mean, score in zip(self.means, scores)]
        for response, now, then in zip(responses, ahead, before):
            factor = math.exp(self.alpha * min(then - now, self.cap))
            response.register_hook(lambda g, factor=factor: g * factor)
        loss = cross_entropy(sum(responses), labels)
        loss.backward()
        return loss.item()

    @staticmethod
    def discrepancies(scores: list[float]) -> list[float]:
        return [math.exp((sum(scores) - s) / (len(scores) - 1) - s) for s in scores]


class MMPareto(Joint):
    """On each embedding, the shortest mix of the fused and the unimodal gradient where they conflict (ICML 2024)."""

    gamma = 1.5

    def backward(self, inputs: list[Tensor], labels: Tensor) -> float:
        features, logits = self.model(inputs)
        loss = cross_entropy(logits, labels)
        shared = [p for embedding in self.model.embeddings for p in embedding.parameters()]
        fused = list(self.model.classifier.parameters())
        grads = torch.autograd.grad(loss, shared + fused, retain_graph=True)
        for p, g in zip(fused, grads[len(shared):]):
            p.grad = g
        total = loss.item()
        for m, unimodal in enumerate(self.model.unimodal(features)):
            branch = list(self.model.embeddings[m].parameters())
            head = list(self.model.heads[m].parameters())
            own_loss = cross_entropy(unimodal, labels)
            own = torch.autograd.grad(own_loss, branch + head, retain_graph=True)
            for p, g in zip(head, own[len(branch):]):
                p.grad = g
            joint = grads[m * len(branch):(m + 1) * len(branch)]
            gg = sum((a * a).sum() for a in joint).item()
            uu = sum((b * b).sum() for b in own[:len(branch)]).item()
            gu = sum((a * b).sum() for a, b in zip(joint, own)).item()
            weight = 0.5 if gu >= 0 else min(max((uu - gu) / (gg + uu - 2 * gu), 0.0), 1.0)
            for p, a, b in zip(branch, joint, own):
                mix = 2 * weight * a + 2 * (1 - weight) * b
                stretch = max(((a + b).norm() / mix.norm()).item(), 1.0)
                p.grad = self.gamma * stretch * mix
            total += own_loss.item()
        return total


class BalGrad(Joint):
    """Mutual divergence reweighted by convergence, and the fused gradient projected off it (NAACL 2025)."""

    start = 0.1

    def backward(self, inputs: list[Tensor], labels: Tensor) -> float:
        features, logits = self.model(inputs)
        unimodal = self.model.unimodal(features)
        task = cross_entropy(logits, labels)
        losses = [cross_entropy(z, labels) for z in unimodal]
        values = [loss.item() for loss in losses]

        count = len(unimodal)
        logs = [log_softmax(z, dim=1) for z in unimodal]
        targets = [log.detach().exp() for log in logs]
        ramp = self.start + (1 - self.start) * (self.done / (self.steps - 1) if self.steps > 1 else 1.0)
        balance = 0.0
        for m in range(count):
            others = [kl_div(logs[m], targets[j], reduction="batchmean") for j in range(count) if j != m]
            balance = balance + ramp * (count / 2 * values[m] / max(sum(values), 1e-12)) * sum(others) / len(others)

        parameters = list(self.model.parameters())
        g_task = torch.autograd.grad(task, parameters, retain_graph=True, allow_unused=True)
        g_kl = torch.autograd.grad(balance, parameters, retain_graph=True, allow_unused=True)
        g_own = torch.autograd.grad(sum(losses), parameters, allow_unused=True)

        # The embeddings alone have a gradient of both.
        both = [(a, b) for a, b in zip(g_task, g_kl) if a is not None and b is not None]
        dot = sum((a * b).sum() for a, b in both).item()
        square = sum((b * b).sum() for _, b in both).item()
        away = dot / square if dot < 0 and square > 0 else 0.0
        for p, a, b, c in zip(parameters, g_task, g_kl, g_own):
            if a is not None and b is not None and away != 0:
                a = a - away * b
            parts = [g for g in (a, b, c) if g is not None]
            p.grad = sum(parts[1:], parts[0])
        return task.item() + sum(values)


METHODS = {
    "joint": Joint, "uniform": Uniform, "ogm-ge": OGMGE, "agm": AGM, "mmpareto": MMPareto, "balgrad": BalGrad,
}
