"""Instance segmentation in the style of detectron2: configuration objects, numpy images, masks as polygons."""

import os
from typing import List

import cv2
import dtlpy as dl
import numpy as np
import torch
from detectron2 import model_zoo
from detectron2.config import get_cfg
from detectron2.engine import DefaultPredictor


class SegmentationAdapter(dl.BaseModelAdapter):
    cfg = None
    predictor: DefaultPredictor

    def __init__(self, model_entity: dl.Model = None):
        self.threshold = 0.5
        super(SegmentationAdapter, self).__init__(model_entity=model_entity)
        self.names = self.model_entity.labels

    def load(self, local_path, **kwargs):
        self.cfg = get_cfg()
        self.cfg.merge_from_file(model_zoo.get_config_file(self.configuration["config_file"]))
        self.cfg.MODEL.WEIGHTS = os.path.join(local_path, self.configuration["weights_filename"])
        self.cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = self.threshold
        self.cfg.MODEL.DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
        self.predictor = DefaultPredictor(self.cfg)

    def predict(self, batch: List[np.ndarray], **kwargs) -> List[dl.AnnotationCollection]:
        batch_annotations = list()
        for i_item, image in enumerate(batch):
            item_annotations = dl.AnnotationCollection()
            bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
            instances = self.predictor(bgr)["instances"].to("cpu")
            if len(instances) == 0:
                self.logger.debug("nothing in item %d", i_item)
                batch_annotations.append(item_annotations)
                continue
            for mask, score, class_id in zip(instances.pred_masks, instances.scores, instances.pred_classes):
                label = self.model_entity.id_to_label_map.get(int(class_id), "unknown")
                item_annotations.add(
                    annotation_definition=dl.Polygon.from_segmentation(mask=mask.numpy(), label=label, max_instances=1),
                    model_info={"name": self.model_entity.name, "confidence": float(score)},
                )
            batch_annotations.append(item_annotations)
        return batch_annotations
