"""Pictures from this computer's camera, where Qt's multimedia module is installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTemporaryDir, QTimer
from PySide6.QtGui import QImage

from edgekiln.core.text import Text, say

_MODULE = "PySide6.QtMultimedia"  # in PySide6-Addons, which is not needed for anything else
_SIDE = 640
_EVERY_MS = 60


def why_no_camera() -> Text | None:
    """Why there can be no pictures from a camera; None when there can."""
    if find_spec(_MODULE) is None:
        return say("No camera: Qt's multimedia module is not installed (pip: PySide6-Addons).")
    if not import_module(_MODULE).QMediaDevices.videoInputs():
        return say("No camera is connected to this computer.")
    return None


class Camera(QObject):
    """The default camera. `take` gets a PNG of it as often as `ready` says that one is wanted."""

    def __init__(self, take: Callable[[Path], object], ready: Callable[[], bool]) -> None:
        super().__init__()
        media: Any = import_module(_MODULE)
        self._take, self._ready = take, ready
        self._folder = QTemporaryDir()
        self._count = 0
        self._session, self._sink = media.QMediaCaptureSession(), media.QVideoSink()
        self._camera = media.QCamera(media.QMediaDevices.defaultVideoInput())
        self._session.setCamera(self._camera)
        self._session.setVideoSink(self._sink)
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._look)
        self._camera.start()
        self._clock.start(_EVERY_MS)

    def close(self) -> None:
        """Let the camera go."""
        self._clock.stop()
        self._camera.stop()
        self._folder.remove()

    def _look(self) -> None:
        image: QImage = self._sink.videoFrame().toImage()
        if image.isNull() or not self._ready():
            return
        self._count += 1
        file = Path(self._folder.path()) / f"frame-{self._count % 4}.png"
        if max(image.width(), image.height()) > _SIDE:
            image = image.scaledToWidth(_SIDE)
        if image.save(str(file)):
            self._take(file)
