"""Shapes of defects that adapters really had, each as the edit that takes a clean adapter back to before its fix.

A shape names the clean adapter (a folder in `clean/`), the file, the edit, and the contracts of which one must see it.
The code is ours; what it gets wrong was read in the histories of public adapters.
"""

from __future__ import annotations

from typing import NamedTuple


class Shape(NamedTuple):
    """One defect: replace `after` by `before` in a file of a clean adapter."""

    name: str
    adapter: str
    file: str
    after: str
    before: str
    seen_by: tuple[str, ...]


M, J = "model_adapter.py", "dataloop.json"
MASKS, CHAT = "adapters/masks/model_adapter.py", "chat_adapter.py"
RESNET, BASE = "models/resnet.py", "models/base.py"
CLAUDE, PROMPTS = "adapters/claude/adapter.py", "adapters/shared/prompts.py"

SHAPES = (
    # the manifest
    Shape(
        "entry point after a move",
        "masks",
        J,
        '"adapters/masks/model_adapter.py"',
        '"masks/model_adapter.py"',
        ("SIG-002",),
    ),
    Shape(
        "entry point of another system",
        "masks",
        J,
        '"adapters/masks/model_adapter.py"',
        '"adapters\\\\masks\\\\model_adapter.py"',
        ("SIG-002",),
    ),
    Shape("class renamed", "yolo", J, '"className": "Adapter"', '"className": "ModelAdapter"', ("SIG-003",)),
    Shape("module renamed", "yolo", J, '"moduleName": "yolo-module"', '"moduleName": "yolov8-module"', ("SIG-001",)),
    Shape(
        "compute configuration renamed",
        "ocr",
        J,
        '"computeConfig": "ocr-deploy"',
        '"computeConfig": "tesseract-deploy"',
        ("MAN-001",),
    ),
    Shape("output type in plain words", "masks", J, '"outputType": "segment"', '"outputType": "polygon"', ("MAN-005",)),
    Shape("output type of the name of the class", "ocr", J, '"outputType": "box"', '"outputType": "Box"', ("MAN-005",)),
    Shape(
        "output type classification",
        "resnet",
        J,
        '"outputType": "class"',
        '"outputType": "classification"',
        ("MAN-005",),
    ),
    Shape(
        "output type that the code does not make", "ocr", J, '"outputType": "box"', '"outputType": "text"', ("MAN-012",)
    ),
    Shape("masks declared as boxes", "sam", J, '"outputType": "binary"', '"outputType": "box"', ("MAN-012",)),
    Shape(
        "plural type of a function",
        "yolo",
        J,
        '"type": "Item[]",\n                "name": "items"\n              }\n            ],\n            "output"',
        '"type": "Annotations[]",\n                "name": "items"\n              }\n            ],\n            "output"',
        ("MAN-004",),
    ),
    Shape(
        "function that the class does not have",
        "ocr",
        J,
        '"name": "predict_items"',
        '"name": "predict_item"',
        ("MAN-002",),
    ),
    Shape(
        "embedding declared for a predictor", "ocr", J, '"name": "predict_items"', '"name": "embed_items"', ("SIG-014",)
    ),
    Shape(
        "training declared and not written",
        "ocr",
        J,
        '"name": "predict_items"',
        '"name": "train_model"',
        ("SIG-014", "MAN-003"),
    ),
    Shape("status in plain words", "ocr", J, '"status": "pre-trained"', '"status": "pretrained"', ("MAN-007",)),
    Shape("labels and map of another model", "yolo", J, '"1": "car"', '"1": "truck"', ("MAN-011",)),
    Shape("map with labels for keys", "yolo", J, '"0": "person"', '"person": "0"', ("MAN-010",)),
    Shape("length of vectors not declared", "dino", J, ',\n          "embeddings_size": 768', "", ("CFG-004",)),
    Shape("key under another name", "mmdet", J, '"confidence_threshold"', '"conf_threshold"', ("CFG-003",)),
    Shape("key that is needed and not declared", "vertex", J, '"region"', '"location"', ("CFG-001",)),
    Shape("key of the first model only", "masks", J, '"config_file"', '"cfg_file"', ("CFG-001",)),
    Shape("weights of another name", "masks", J, "https://x/model_final.pkl", "https://x/model_0001.pkl", ("MAN-013",)),
    Shape(
        "input that __init__ does not take",
        "chat",
        J,
        '"name": "openai_key_name"',
        '"name": "api_key_name"',
        ("SIG-005",),
    ),
    Shape(
        "input that the manifest does not declare",
        "vertex",
        J,
        '"name": "integration_name"',
        '"name": "integration"',
        ("SIG-005",),
    ),
    Shape("comma too many", "ocr", J, '"className": "OcrAdapter",', '"className": "OcrAdapter",,', ("SIG-001",)),
    # imports
    Shape("helper moved", "claude", CLAUDE, "adapters.shared.prompts", "adapters.common.prompts", ("IMP-001",)),
    Shape("helper from the wrong root", "claude", CLAUDE, "adapters.shared.prompts", "prompts", ("IMP-001",)),
    Shape(
        "base class renamed in its file only", "resnet", RESNET, "import TorchBase", "import TorchAdapter", ("IMP-001",)
    ),
    Shape(
        "relative import of a file that is gone",
        "resnet",
        RESNET,
        "from .base import",
        "from .torch_base import",
        ("IMP-001",),
    ),
    Shape(
        "stray completion of an editor",
        "mmdet",
        "mm/adapter.py",
        "import numpy as np",
        "import numpy as np\nfrom turtle import shape",
        ("IMP-003",),
    ),
    Shape(
        "stray completion from tkinter",
        "yolo",
        M,
        "import json\n",
        "import json\nfrom tkinter import Image as TkImage\n",
        ("IMP-003",),
    ),
    Shape("requirement forgotten", "vertex", M, "import vertexai\n", "import openai\nimport vertexai\n", ("IMP-002",)),
    # names
    Shape("import forgotten", "yolo", M, "import shutil\n", "", ("NAM-001",)),
    Shape("library used without its import", "masks", MASKS, "import torch\n", "", ("NAM-001",)),
    Shape(
        "variable renamed half", "masks", MASKS, "batch_annotations = list()", "batch_annotation = list()", ("NAM-001",)
    ),
    Shape(
        "logger of another file",
        "ocr",
        M,
        "annotations.append(collection)",
        'logger.info("done")\n            annotations.append(collection)',
        ("NAM-001",),
    ),
    Shape(
        "name bound in one branch of another function",
        "chat",
        CHAT,
        "last = time.time()\n            for",
        "started = now\n            last = time.time()\n            for",
        ("NAM-001",),
    ),
    Shape(
        "self forgotten", "yolo", M, "stream.write(self.lines(document))", "stream.write(lines(document))", ("NAM-001",)
    ),
    Shape(
        "attribute renamed half", "mmdet", "mm/adapter.py", "> self.threshold", "> self.conf_threshold", ("NAM-002",)
    ),
    Shape("attribute of the delegate", "florence", M, "self.processor(text=", "self.preprocessor(text=", ("NAM-002",)),
    Shape(
        "attribute that load no longer sets",
        "resnet",
        BASE,
        '        self.device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")\n',
        '        device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")\n',
        ("NAM-002",),
    ),
    Shape(
        "method renamed",
        "chat",
        CHAT,
        "self._add(prompt_item, text)\n        return",
        "self._update(prompt_item, text)\n        return",
        ("NAM-002",),
    ),
    Shape(
        "helper with another number of arguments",
        "chat",
        CHAT,
        "def _add(self, prompt_item, text):",
        "def _add(self, prompt_item, text, final):",
        ("NAM-003",),
    ),
    Shape(
        "keyword of a helper renamed",
        "claude",
        PROMPTS,
        "self.answer(messages=messages)",
        "self.answer(history=messages)",
        ("NAM-003",),
    ),
    Shape(
        "method slipped into another one",
        "yolo",
        M,
        "    def prepare_item_func(self, item):\n        path",
        "        def prepare_item_func(self, item):\n            return item\n        path",
        ("NAM-004", "NAM-001"),
    ),
    Shape(
        "user function outside of the class",
        "ocr",
        M,
        "    def predict(self, batch: np.ndarray, **kwargs):\n",
        "    def other(self, batch):\n        return batch\n\n\ndef predict(self, batch, **kwargs):\n    if True:\n",
        ("NAM-004",),
    ),
    Shape("user function misspelt", "dino", M, "def prepare_item_func(", "def prepare_items_func(", ("NAM-005",)),
    # signatures
    Shape(
        "load without keywords",
        "ocr",
        M,
        "def load(self, local_path: str, **kwargs)",
        "def load(self, local_path: str)",
        ("SIG-006",),
    ),
    Shape(
        "save under another name",
        "yolo",
        M,
        "def save(self, local_path, **kwargs):",
        "def save(self, path, **kwargs):",
        ("SIG-007",),
    ),
    Shape(
        "train into a dump path",
        "resnet",
        RESNET,
        "data_path, output_path, on_epoch_end_callback=None",
        "data_path, dump_path, on_epoch_end_callback=None",
        ("SIG-008",),
    ),
    Shape(
        "predict without keywords",
        "masks",
        MASKS,
        "batch: List[np.ndarray], **kwargs",
        "batch: List[np.ndarray]",
        ("SIG-009",),
    ),
    Shape(
        "predict with verbose",
        "resnet",
        BASE,
        "def predict(self, batch, **kwargs)",
        "def predict(self, batch, verbose=True)",
        ("SIG-009",),
    ),
    Shape(
        "prepare with two arguments",
        "dino",
        M,
        "def prepare_item_func(self, item: Item)",
        "def prepare_item_func(self, item: Item, size)",
        ("SIG-011",),
    ),
    Shape(
        "convert with a required option",
        "yolo",
        M,
        "def convert_from_dtlpy(self, data_path, **kwargs)",
        "def convert_from_dtlpy(self, data_path, fmt, **kwargs)",
        ("SIG-012",),
    ),
    Shape(
        "asynchronous predict", "chat", CHAT, "def predict(self, batch", "async def predict(self, batch", ("SIG-015",)
    ),
    Shape(
        "self forgotten in the signature",
        "ocr",
        M,
        "def predict(self, batch: np.ndarray, **kwargs)",
        "def predict(batch: np.ndarray, **kwargs)",
        ("SIG-009",),
    ),
    Shape("no adapter", "dino", M, "class DinoAdapter(dl.BaseModelAdapter)", "class DinoAdapter", ("SIG-004",)),
    # the constructor
    Shape(
        "the model is wiped",
        "masks",
        MASKS,
        "        self.names = self.model_entity.labels\n",
        "        self.predictor = None\n",
        ("INI-001",),
    ),
    Shape(
        "the threshold comes too late",
        "masks",
        MASKS,
        "        self.threshold = 0.5\n        super(SegmentationAdapter, self).__init__(model_entity=model_entity)\n",
        "        super(SegmentationAdapter, self).__init__(model_entity=model_entity)\n        self.threshold = 0.5\n",
        ("INI-002",),
    ),
    Shape(
        "credentials come too late",
        "vertex",
        M,
        "        super().__init__(model_entity=model_entity)\n",
        "",
        ("INI-004",),
    ),
    Shape(
        "the name of the key comes too late",
        "chat",
        CHAT,
        "        self.key_name = openai_key_name\n        super().__init__(model_entity)\n",
        "        super().__init__(model_entity)\n        self.key_name = openai_key_name\n",
        ("INI-002",),
    ),
    Shape(
        "configuration before the base class",
        "chat",
        CHAT,
        "        self.key_name = openai_key_name\n",
        '        self.key_name = openai_key_name\n        self.model_name = self.configuration.get("model_name", "gpt-4o")\n',
        ("INI-003",),
    ),
    Shape(
        "model entity set by hand",
        "chat",
        CHAT,
        "        super().__init__(model_entity)\n",
        "        self.model_entity = model_entity\n        super().__init__(model_entity)\n",
        ("INI-003",),
    ),
    Shape(
        "no model entity for the base class",
        "chat",
        CHAT,
        "super().__init__(model_entity)",
        "super().__init__()",
        ("INI-004",),
    ),
    # the batch
    Shape("return in the loop", "ocr", M, "        return annotations", "            return annotations", ("LOP-001",)),
    Shape(
        "list made in the loop",
        "masks",
        MASKS,
        "        batch_annotations = list()\n        for i_item, image in enumerate(batch):\n",
        "        for i_item, image in enumerate(batch):\n            batch_annotations = list()\n",
        ("LOP-002",),
    ),
    Shape(
        "nothing found, nothing appended",
        "masks",
        MASKS,
        "                batch_annotations.append(item_annotations)\n                continue",
        "                continue",
        ("LOP-003",),
    ),
    Shape(
        "unsupported items skipped",
        "clip-vectors",
        "adapter.py",
        '                    raise ValueError(f"unsupported mimetype {item.mimetype}")',
        "                    continue",
        ("LOP-003",),
    ),
    Shape(
        "failed items skipped", "clip-vectors", "adapter.py", "                vectors.append(None)\n", "", ("LOP-003",)
    ),
    Shape(
        "only items with detections",
        "mmdet",
        "mm/adapter.py",
        "            out.append(boxes)",
        "            if len(boxes.annotations) > 0:\n                out.append(boxes)",
        ("LOP-003",),
    ),
    # the SDK
    Shape("annotation type that is none", "yolo", M, "dl.AnnotationType.BOX", "dl.AnnotationType.BBOX", ("SDK-001",)),
    Shape(
        "renamed class of the SDK", "ocr", M, "dl.AnnotationCollection()", "dl.AnnotationsCollection()", ("SDK-001",)
    ),
    Shape(
        "base class from a module that is gone",
        "dino",
        M,
        "from dtlpy import Item",
        "from dtlpy.ml.model_adapter import Item",
        ("SDK-001",),
    ),
    Shape(
        "model entity without such an attribute",
        "mmdet",
        "mm/adapter.py",
        '"name": self.model_entity.name,',
        '"name": self.model_entity.model_name,',
        ("SDK-001",),
    ),
    Shape(
        "snapshot of the old model entity",
        "yolo",
        M,
        "self.model_entity.dataset_id)",
        "self.model_entity.snapshot_id)",
        ("SDK-001",),
    ),
    Shape(
        "add with the confidence as an argument",
        "ocr",
        M,
        '                    model_info={"name": self.model_entity.name, "confidence": data["conf"][index] / 100},\n',
        '                    confidence=data["conf"][index] / 100,\n',
        ("SDK-003",),
    ),
    Shape(
        "box in another order of names",
        "mmdet",
        "mm/adapter.py",
        "left=max(x0, 0), top=max(y0, 0)",
        "x=max(x0, 0), y=max(y0, 0)",
        ("SDK-003",),
    ),
    Shape(
        "label forgotten",
        "masks",
        MASKS,
        "mask=mask.numpy(), label=label, max_instances=1",
        "mask=mask.numpy(), max_instances=1",
        ("SDK-003",),
    ),
    Shape(
        "plot sample without a figure",
        "resnet",
        RESNET,
        'figure="accuracy", legend=phase',
        "legend=phase",
        ("SDK-003",),
    ),
    Shape(
        "callback with other names",
        "resnet",
        RESNET,
        "on_epoch_end_callback(epoch, epochs)",
        "on_epoch_end_callback(epoch=epoch, n_epochs=epochs)",
        ("SDK-005",),
    ),
    Shape(
        "callback without the number of epochs",
        "yolo",
        M,
        "callback(i_epoch=trainer.epoch, n_epoch=epochs)",
        "callback(i_epoch=trainer.epoch)",
        ("SDK-005",),
    ),
    Shape(
        "download with a parameter that is none",
        "dino",
        M,
        "item.download(save_locally=False)",
        "item.download(save_local=False)",
        ("SDK-003",),
    ),
    # side effects
    Shape(
        "environment chosen at import",
        "ocr",
        M,
        "import pytesseract\n",
        'import pytesseract\n\ndl.setenv("rc")\n',
        ("SID-001",),
    ),
    Shape("login at import", "ocr", M, "import pytesseract\n", "import pytesseract\n\ndl.login()\n", ("SID-001",)),
    Shape(
        "project looked up at import",
        "ocr",
        M,
        "import pytesseract\n",
        'import pytesseract\n\nproject = dl.projects.get(project_name="OCR")\n',
        ("SID-001",),
    ),
    Shape(
        "download at import",
        "dino",
        M,
        "class Dino",
        'PROCESSOR = AutoImageProcessor.from_pretrained("x")\n\n\nclass Dino',
        ("SID-002",),
    ),
    Shape(
        "item known by its id",
        "dino",
        M,
        "        embeddings = []\n",
        '        embeddings = []\n        dl.items.get(item_id="65f0c0ffee65f0c0ffee65f0")\n',
        ("SID-005",),
    ),
    Shape(
        "upload in predict",
        "sam",
        M,
        "            result.append(collection)",
        "            item.annotations.upload(collection)\n            result.append(collection)",
        ("SID-006",),
    ),
    Shape(
        "model updated in predict",
        "mmdet",
        "mm/adapter.py",
        "        out = []\n",
        "        out = []\n        self.model_entity.update()\n",
        ("SID-006",),
    ),
    Shape(
        "labels written beside everybody's",
        "yolo",
        M,
        '        file = os.path.join(data_path, "data.yaml")\n        with open(file, "w")',
        '        file = "data.yaml"\n        with open("data.yaml", "w")',
        ("SID-004",),
    ),
    # portability
    Shape(
        "path of the author", "yolo", M, 'os.path.join(local_path, "best.pt")', '"/home/author/best.pt"', ("POR-001",)
    ),
    Shape("path of a notebook", "yolo", M, 'os.path.join(local_path, "best.pt")', '"/content/best.pt"', ("POR-001",)),
    Shape(
        "weights of a GPU",
        "resnet",
        BASE,
        "torch.load(path, map_location=self.device)",
        "torch.load(path)",
        ("POR-002",),
    ),
    Shape(
        "device taken for granted",
        "dino",
        M,
        'torch.device("cuda" if torch.cuda.is_available() else "cpu")',
        'torch.device("cuda")',
        ("POR-002",),
    ),
    Shape(
        "mimetype compared literally",
        "dino",
        M,
        'if not item.mimetype.startswith("image/"):',
        'if item.mimetype != "image/*":',
        ("POR-003",),
    ),
    Shape(
        "chunk without choices",
        "chat",
        CHAT,
        "                if not chunk.choices:\n                    continue\n",
        "",
        ("POR-005",),
    ),
    Shape(
        "exception as answer",
        "claude",
        PROMPTS,
        '                logger.error("the service failed: %s", error)\n                raise\n',
        '                text = f"Error: {error}"\n',
        ("POR-006",),
    ),
    Shape(
        "folder dug out of the filter",
        "yolo",
        M,
        '            source = os.path.join(data_path, name, "json")\n',
        '            folder = subsets[name]["filter"]["$and"][0]["dir"]\n            source = os.path.join(data_path, name, "json", folder)\n',
        ("POR-004",),
    ),
)
