"""Transcribes speech to subtitles."""

import dtlpy as dl
import torch
import whisper


class WhisperAdapter(dl.BaseModelAdapter):
    def load(self, local_path, **kwargs):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = whisper.load_model(self.configuration.get("model_size", "base"), device=self.device)

    def prepare_item_func(self, item: dl.entities.Item):
        return item.download(local_path=self.folder(), overwrite=True), item

    @staticmethod
    def folder():
        import tempfile

        return tempfile.mkdtemp()

    def predict(self, batch, **kwargs):
        collections = [dl.AnnotationCollection() for _ in batch]
        for collection, (path, item) in zip(collections, batch):
            result = self.model.transcribe(path)
            for segment in result["segments"]:
                collection.add(
                    annotation_definition=dl.Subtitle(text=segment["text"], label="Transcript"),
                    start_time=segment["start"],
                    end_time=segment["end"],
                    model_info={"name": self.model_entity.name, "confidence": 1 - segment["no_speech_prob"]},
                )
            self.logger.info("%d segments in %s", len(result["segments"]), item.name)
        return collections
