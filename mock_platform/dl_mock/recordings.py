"""What the platform reads out of videos and sounds: size, rate and length.

Videos need OpenCV, which the SDK needs for masks as well and which is an extra of this project (`media`); without it
a video has no such fields. Of sounds only WAV is read: the standard library has a reader for it.
"""

from __future__ import annotations

import io
import tempfile
import wave
from pathlib import Path
from typing import Any

# All that stands here of an item comes from its bytes, and goes when they are replaced.
READ_FROM_RECORDINGS = ("duration", "ffmpeg", "nb_streams", "sampleRate")
OF_VIDEOS = ("fps", "startTime")  # at the top of `metadata` (SDK: entities/item.py fps)


def video_metadata(name: str, content: bytes) -> dict[str, Any]:
    """`metadata` of a video, with its `system`; empty without OpenCV and for bytes that are no video."""
    try:
        import cv2
    except ImportError:
        return {}
    # OpenCV opens files, not bytes; the ending helps it to find the format.
    with tempfile.TemporaryDirectory(prefix="dl-mock-") as directory:
        path = Path(directory) / f"video{Path(name).suffix}"
        path.write_bytes(content)
        video = cv2.VideoCapture(str(path))
        try:
            fields = (
                *(cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT),
                *(cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT),
            )
            width, height, fps, frames = (float(video.get(field)) for field in fields)
        finally:
            video.release()
    if width <= 0 or height <= 0 or fps <= 0:
        return {}
    system: dict[str, Any] = {"width": int(width), "height": int(height)}
    if frames > 0:
        system["duration"] = frames / fps
        system["ffmpeg"] = {**system, "nb_frames": int(frames), "avg_frame_rate": f"{fps:g}", "codec_type": "video"}
    return {"system": system, "fps": int(fps) if fps.is_integer() else fps, "startTime": 0}


def sound_facts(content: bytes) -> dict[str, Any]:
    """Length in seconds, number of channels and samples a second; empty for bytes that are no WAV."""
    try:
        with wave.open(io.BytesIO(content)) as sound:
            rate, frames, channels = sound.getframerate(), sound.getnframes(), sound.getnchannels()
    except (wave.Error, EOFError):
        return {}
    return {"duration": frames / rate, "channels": channels, "sampleRate": rate} if rate else {}
