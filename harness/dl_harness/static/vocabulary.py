"""Names that the SDK and the platform publish, for judging a manifest without importing the SDK."""

from __future__ import annotations

ANNOTATION_TYPES = {
    "Box": "box",
    "Cube": "cube",
    "Cube3d": "cube_3d",
    "Classification": "class",
    "Comparison": "comparison",
    "Ellipse": "ellipse",
    "Note": "note",
    "Point": "point",
    "Polygon": "segment",
    "Polyline": "polyline",
    "Pose": "pose",
    "Segmentation": "binary",
    "Subtitle": "subtitle",
    "Text": "text_mark",
    "Gis": "gis",
    "FreeText": "text",
    "RefImage": "ref_image",
}
"""The SDK's annotation definitions, and the type that each is stored as (SDK: entities/annotation.py)."""

OUTPUT_TYPES = frozenset(
    {*ANNOTATION_TYPES.values(), "ref_semantic_3d", "polyline_3d", "embedding"}
    | {"line", "recording", "item_description", "semantic_3d", "pdf_text"}
)
"""SDK: entities/annotation.py, AnnotationType; OpenAPI: AnnotationType, which is wider; and `embedding`."""

INPUT_TYPES = frozenset({"image", "video", "text", "audio"})
"""OpenAPI: APIModel.inputType."""

MODEL_STATUSES = frozenset(
    {"created", "pre-trained", "pending", "training", "trained", "deployed", "failed", "cloning"}
)
"""SDK: entities/model.py, ModelStatus."""

_SINGLE = (
    *("Dataset", "Item", "Annotation", "Execution", "Task", "Assignment", "Service", "Package", "Project", "Recipe"),
    *("Json", "String", "Number", "Integer", "Float", "Boolean", "Model"),
)
FUNCTION_TYPES = frozenset({*_SINGLE, *(f"{name}[]" for name in _SINGLE)})
"""SDK: entities/package_function.py, PackageInputType."""

SDK_CONFIGURATION = frozenset(
    {"upload_annotations", "clean_annotations", "overwrite_annotations", "upload_features", "include_background"}
    | {"root_path", "data_path", "output_path", "batch_size", "embeddings_size", "include_model_annotations"}
    | {"predict_embed_subset_limit", "predict_embed_timeout", "featureSetName", "id_to_label_map", "label_to_id_map"}
    | {"annotation_type", "max_workers", "model_name", "output_type", "conf_threshold_per_label"}
)
"""Keys of model.configuration that the SDK or the platform reads (SDK: ml/base_model_adapter.py, entities/model.py)."""
