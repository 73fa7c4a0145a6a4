"""HTML of ours on A4 sheets, by Qt's text layout."""

from __future__ import annotations

import os
import re

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QRectF, QSizeF, Qt
from PySide6.QtGui import (
    QFont,
    QFontDatabase,
    QGuiApplication,
    QPagedPaintDevice,
    QPageLayout,
    QPageSize,
    QPainter,
    QPalette,
    QPdfWriter,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextOption,
)

from edgekiln import __version__
from edgekiln.core.errors import UserError
from edgekiln.core.reporting import PageToPrint
from edgekiln.core.text import say

FAMILIES = ("Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei",
            "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "DejaVu Sans")  # fmt: skip
_CHINESE = re.compile("[\u3400-\u9fff]")
_DPI, _MARGIN_MM, _FOOTER_MM = 600, 15.0, 8.0
_FOLLOWS_MM = 30.0  # what a heading must have below it on its sheet
_POINTS = 9.0


def draw(page: PageToPrint) -> tuple[bytes, int]:
    """The PDF (PDF/A-1b: fonts inside, for the archive) and how many sheets it has. UserError when
    the page has Chinese characters and this computer no font for them."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    application = QGuiApplication.instance() or QGuiApplication(["edgekiln"])
    QGuiApplication.setPalette(QPalette(Qt.GlobalColor.white))  # a dark desktop has white letters
    _check_fonts(page.html)
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = _writer(buffer, page.title)
    document, whole = _document(page.html, writer)
    painter = QPainter(writer)
    for sheet in range(document.pageCount()):
        if sheet:
            writer.newPage()
        _sheet(painter, document, sheet, whole, page.title)
    painter.end()
    sheets = document.pageCount()
    del application
    return bytes(data.data()), sheets


def _check_fonts(html: str) -> None:
    simplified = QFontDatabase.WritingSystem.SimplifiedChinese
    if _CHINESE.search(html) and not QFontDatabase.families(simplified):
        raise UserError(
            say("No PDF can be made here."),
            say("The report has Chinese characters, and this computer has no font for them."),
            say("Install one (fonts-wqy-zenhei, fonts-noto-cjk), or write the report as HTML."),
        )


def _writer(buffer: QBuffer, title: str) -> QPdfWriter:
    writer = QPdfWriter(buffer)
    writer.setPdfVersion(QPagedPaintDevice.PdfVersion.PdfVersion_A1b)
    writer.setTitle(title)
    writer.setCreator(f"EdgeKiln {__version__}")
    writer.setResolution(_DPI)
    margins = QMarginsF(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM, _MARGIN_MM)
    a4 = QPageSize(QPageSize.PageSizeId.A4)
    upright = QPageLayout.Orientation.Portrait
    writer.setPageLayout(QPageLayout(a4, upright, margins, QPageLayout.Unit.Millimeter))
    return writer


def _document(html: str, writer: QPdfWriter) -> tuple[QTextDocument, QRectF]:
    """The page laid out for the paper, and the room a sheet has for it."""
    whole = QRectF(0, 0, writer.width(), writer.height() - _px(_FOOTER_MM))
    font = QFont(list(FAMILIES))
    font.setPointSizeF(_POINTS)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    document = QTextDocument()
    document.setDefaultFont(font)
    document.documentLayout().setPaintDevice(writer)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    document.setDefaultTextOption(option)
    document.setDocumentMargin(0)
    document.setHtml(html)
    document.setPageSize(QSizeF(whole.width(), whole.height()))
    _keep_headings(document, whole.height())
    return document, whole


def _keep_headings(document: QTextDocument, height: float) -> None:
    """No heading stands alone at the end of a sheet."""
    layout, block = document.documentLayout(), document.begin()
    while block.isValid():
        top = layout.blockBoundingRect(block).top() % height
        if block.blockFormat().headingLevel() and top > height - _px(_FOLLOWS_MM):
            form = block.blockFormat()
            form.setPageBreakPolicy(QTextFormat.PageBreakFlag.PageBreak_AlwaysBefore)
            QTextCursor(block).setBlockFormat(form)
            document.markContentsDirty(
                0, document.characterCount()
            )  # anew, or what follows is lost
        block = block.next()


def _sheet(
    painter: QPainter, document: QTextDocument, sheet: int, whole: QRectF, title: str
) -> None:
    painter.save()
    painter.translate(0, -sheet * whole.height())
    document.drawContents(painter, whole.translated(0, sheet * whole.height()))
    painter.restore()
    font = document.defaultFont()
    font.setPointSizeF(_POINTS - 2)
    painter.setFont(font)
    painter.setPen(Qt.GlobalColor.darkGray)
    below = QRectF(0, whole.height(), whole.width(), _px(_FOOTER_MM))
    bottom = Qt.AlignmentFlag.AlignBottom
    painter.drawText(below, int(bottom | Qt.AlignmentFlag.AlignLeft), title)
    number = f"{sheet + 1} / {document.pageCount()}"
    painter.drawText(below, int(bottom | Qt.AlignmentFlag.AlignRight), number)


def _px(millimetres: float) -> float:
    return millimetres / 25.4 * _DPI
