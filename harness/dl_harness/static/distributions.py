"""Which distributions provide which modules, for the ones that adapters import."""

from __future__ import annotations

import re

OF_THE_IMAGES = frozenset(
    {"dtlpy", "dtlpymetrics", "dtlpyconverters", "numpy", "PIL", "requests", "tqdm", "pandas", "yaml", "attr", "attrs"}
    | {"torch", "torchvision", "cv2", "scipy", "matplotlib", "sklearn", "skimage", "urllib3", "certifi", "jwt"}
    | {"aiohttp", "six", "dateutil", "packaging", "setuptools", "pkg_resources", "pip", "prettytable", "tabulate"}
    | {"requests_toolbelt", "websocket", "inquirer", "fuzzyfinder", "dictdiffer", "validators", "pathspec", "filelock"}
    | {"diskcache", "redis", "docker", "dotenv", "pydantic", "typing_extensions", "tensorflow", "keras", "torchaudio"}
)
"""What the platform's runner images or the SDK bring along."""

IMPORT_NAMES: dict[str, tuple[str, ...]] = {
    "anthropic": ("anthropic",),
    "boto3": ("boto3",),
    "botocore": ("botocore", "boto3"),
    "bs4": ("beautifulsoup4",),
    "clip": ("clip", "openai-clip"),
    "cohere": ("cohere",),
    "detectron2": ("detectron2",),
    "easyocr": ("easyocr",),
    "einops": ("einops",),
    "faiss": ("faiss-cpu", "faiss-gpu", "faiss"),
    "fitz": ("pymupdf",),
    "google": ("google-cloud-aiplatform", "google-generativeai", "google-genai", "google-auth", "google-cloud-vision"),
    "groq": ("groq",),
    "huggingface_hub": ("huggingface-hub", "transformers", "diffusers", "datasets", "timm"),
    "imgaug": ("imgaug",),
    "langchain": ("langchain",),
    "librosa": ("librosa",),
    "mistralai": ("mistralai",),
    "mmcv": ("mmcv", "mmcv-full", "openmim"),
    "mmdet": ("mmdet", "openmim"),
    "mmengine": ("mmengine", "openmim", "mmcv"),
    "nltk": ("nltk",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "open_clip": ("open-clip-torch",),
    "openai": ("openai",),
    "paddleocr": ("paddleocr",),
    "peft": ("peft",),
    "pycocotools": ("pycocotools", "detectron2", "mmdet"),
    "pytesseract": ("pytesseract",),
    "pytorch_lightning": ("pytorch-lightning", "lightning"),
    "qwen_vl_utils": ("qwen-vl-utils",),
    "sam2": ("sam2", "sam-2", "segment-anything-2"),
    "segment_anything": ("segment-anything",),
    "sentence_transformers": ("sentence-transformers",),
    "shapely": ("shapely",),
    "soundfile": ("soundfile", "librosa"),
    "spacy": ("spacy",),
    "supervision": ("supervision",),
    "tensorboard": ("tensorboard",),
    "tiktoken": ("tiktoken",),
    "timm": ("timm", "open-clip-torch"),
    "tokenizers": ("tokenizers", "transformers", "sentence-transformers"),
    "transformers": ("transformers", "sentence-transformers"),
    "ultralytics": ("ultralytics",),
    "vertexai": ("google-cloud-aiplatform",),
    "whisper": ("openai-whisper",),
    "xmltodict": ("xmltodict",),
    "yolov5": ("yolov5",),
}
"""Import names whose distributions are certain."""


def normalised(name: str) -> str:
    """A distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
