"""A classifier with a training loop of its own, on a base class of the repository."""

import os
import time

import dtlpy as dl
import torch
import torchvision.models

from .base import TorchBase


class ResnetAdapter(TorchBase):
    """Residual network."""

    def build(self, classes):
        net = torchvision.models.resnet50(weights=None)
        net.fc = torch.nn.Linear(net.fc.in_features, classes)
        return net

    def train(self, data_path, output_path, on_epoch_end_callback=None, **kwargs):
        epochs = self.configuration.get("num_epochs", 5)
        loaders = self.loaders(data_path)
        optimizer = torch.optim.Adam(self.model.parameters(), lr=self.configuration.get("lr", 1e-3))
        best = 0.0
        started = time.time()
        for epoch in range(epochs):
            for phase in ("train", "validation"):
                self.model.train(phase == "train")
                hits = total = 0
                for inputs, targets in loaders[phase]:
                    optimizer.zero_grad()
                    outputs = self.model(inputs.to(self.device))
                    loss = torch.nn.functional.cross_entropy(outputs, targets.to(self.device))
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                    hits += (outputs.argmax(1).cpu() == targets).sum().item()
                    total += len(targets)
                accuracy = hits / max(total, 1)
                self.model_entity.metrics.create(
                    samples=dl.PlotSample(figure="accuracy", legend=phase, x=epoch, y=accuracy),
                    dataset_id=self.model_entity.dataset_id,
                )
                if phase == "validation" and accuracy >= best:
                    best = accuracy
                    torch.save(self.model.state_dict(), os.path.join(output_path, self.WEIGHTS))
            if on_epoch_end_callback is not None:
                on_epoch_end_callback(epoch, epochs)
        self.logger.info("trained in %.1f s", time.time() - started)
