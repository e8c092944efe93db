"""Detection with registries; predict_items itself is overridden for tiling."""

import dtlpy as dl
import numpy as np
import torch

try:
    from mmdet.apis import inference_detector, init_detector
except ImportError:
    inference_detector = init_detector = None


class MMAdapter(dl.BaseModelAdapter):
    def load(self, local_path, **kwargs):
        from mim.commands.download import download

        if init_detector is None:
            raise RuntimeError("mmdet is not installed")
        checkpoint = download("mmdet", [self.configuration.get("model_name", "yolox")], dest_root=local_path)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = init_detector(self.configuration.get("config_file", "x.py"), checkpoint[0], device=device)
        self.names = self.model.dataset_meta["classes"] if hasattr(self.model, "dataset_meta") else []
        if not hasattr(self, "threshold"):
            self.threshold = self.configuration.get("confidence_threshold", 0.3)

    def predict_items(self, items, batch_size=None, **kwargs):
        self.logger.info("%d items", len(items))
        return super().predict_items(items=items, batch_size=batch_size, **kwargs)

    def predict(self, batch, **kwargs):
        out = []
        for image in batch:
            result = inference_detector(self.model, np.asarray(image))
            instances = result.pred_instances
            keep = instances.scores > self.threshold
            boxes = dl.AnnotationCollection()
            for (x0, y0, x1, y1), score, label in zip(
                instances.bboxes[keep].tolist(), instances.scores[keep].tolist(), instances.labels[keep].tolist()
            ):
                boxes.add(
                    dl.Box(left=max(x0, 0), top=max(y0, 0), right=x1, bottom=y1, label=self.names[label]),
                    model_info={"name": self.model_entity.name, "confidence": score},
                )
            out.append(boxes)
        return out
