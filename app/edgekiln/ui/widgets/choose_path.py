"""A file or a folder from the desktop: asked for, or dropped."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFileDialog, QWidget

from edgekiln.core.text import Words

_DATA = "*.npz *.npy *.csv *.tsv *.txt *.json *.gz *.zip *.tar *.tgz *.bz2 *.xz *.tfrecord* *ubyte"


def choose_folder(words: Words, parent: QWidget) -> Path | None:
    """A folder; None when the user thought better of it."""
    chosen = QFileDialog.getExistingDirectory(parent, words("Choose a folder"))
    return Path(chosen) if chosen else None


def choose_file(words: Words, parent: QWidget) -> Path | None:
    """A model file."""
    kinds = words("Models") + " (*.keras *.h5 *.hdf5 *.tflite)"
    chosen, _ = QFileDialog.getOpenFileName(parent, words("Choose a model"), "", kinds)
    return Path(chosen) if chosen else None


def choose_data(words: Words, parent: QWidget) -> Path | None:
    """A data file, of any kind that is read."""
    kinds = f"{words('Data')} ({_DATA});;{words('All files')} (*)"
    chosen, _ = QFileDialog.getOpenFileName(parent, words("Choose data"), "", kinds)
    return Path(chosen) if chosen else None


def dropped(event: QDropEvent) -> Path | None:
    """The first file or folder that was dropped, taken; None where none of this computer was."""
    paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
    if not paths:
        return None
    event.acceptProposedAction()
    return Path(paths[0])
