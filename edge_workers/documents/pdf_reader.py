"""PDF bytes → pages of words, with PDFium.

PDFium is not thread-safe, and hostile files can make it slow or large: call this only in the
limited process of `child.py`.
"""

import ctypes
import re
from collections.abc import Iterator
from dataclasses import replace

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from edge_workers.documents.glyphs import Glyph, words_of
from edge_workers.documents.limits import Limits
from edge_workers.documents.page import Box, Page, Style, Word
from edge_workers.documents.rejections import Rejected, Rejection
from edge_workers.documents.text import clean_character, clean_text

MAX_OBJECTS = 5_000
"""Drawn objects looked at per page: bullets are few; pages with more are maps or patterns."""

FEW_WORDS = 8
"""A page of a scan may have a page number or the scanner's name in text, not more."""

MAX_SHAPE = 14.0
"""Bullets drawn as shapes are smaller than this, in points."""

SYMBOL_FONT = re.compile(r"awesome|icon|symbol|dingbat|wingding|webding", re.I)
BOLD_FONT = re.compile(r"bold|black|heavy|demi|-bd|medium\b", re.I)
SLANTED_FONT = re.compile(r"italic|oblique|slanted", re.I)
FORCE_BOLD = 1 << 18
INVISIBLE = 3
BOLD_WEIGHT = 700


def read_pdf(data: bytes, limits: Limits) -> list[Page]:
    """Read the words of all pages. Raises Rejected if it cannot be opened or exceeds a limit."""
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        raise Rejected(_why_not_opened(error)) from error
    with document:
        count = len(document)
        if count == 0:
            raise Rejected(Rejection.BROKEN)
        if count > limits.max_pages:
            raise Rejected(Rejection.TOO_MANY_PAGES, count=count, limit=limits.max_pages)
        pages = _read_pages(document, limits)
        if not any(page.words for page in pages):
            pages = _read_pages(document, limits, with_hidden=True)
    return pages


def _read_pages(
    document: pdfium.PdfDocument, limits: Limits, *, with_hidden: bool = False
) -> list[Page]:
    """Read all pages. Text recognition puts hidden text over a scan; it is all such a file has."""
    fonts: dict[int, Style] = {}
    pages, characters = [], 0
    for number in range(len(document)):
        reader = _PageReader(document, number, fonts, with_hidden)
        characters += reader.count
        if characters > limits.max_characters:
            raise Rejected(Rejection.TOO_MUCH_TEXT, limit=limits.max_characters)
        pages.append(reader.read())
    return pages


def _why_not_opened(error: pdfium.PdfiumError) -> Rejection:
    is_locked = error.err_code in (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY)
    return Rejection.ENCRYPTED if is_locked else Rejection.BROKEN


class _PageReader:
    """Reads one page; keeps PDFium's handles alive while they are used."""

    def __init__(
        self,
        document: pdfium.PdfDocument,
        number: int,
        fonts: dict[int, Style],
        with_hidden: bool,
    ) -> None:
        """Load a page; `fonts` keeps what is known of fonts from page to page."""
        self.document, self.number, self.fonts = document, number, fonts
        self.with_hidden = with_hidden
        try:
            self.page = document[number]
            self.text = self.page.get_textpage()
        except pdfium.PdfiumError as error:
            raise Rejected(Rejection.BROKEN) from error
        self.left, self.bottom, self.right, self.top = self.page.get_bbox()
        self.rotation = self.page.get_rotation()
        self.count = pdfium_c.FPDFText_CountChars(self.text.raw)
        self.styles: dict[tuple[int, float, int], Style] = {}

    def read(self) -> Page:
        """Return the words and shapes of the page."""
        words = list(words_of(self._glyphs()))
        self._add_links(words)
        width, height = self.right - self.left, self.top - self.bottom
        if self.rotation in (90, 270):
            width, height = height, width
        images = self.page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE], max_depth=2)
        is_picture = len(words) < FEW_WORDS and any(images)
        return Page(self.number, width, height, words, list(self._shapes()), is_picture)

    def _glyphs(self) -> Iterator[Glyph]:
        """Yield the visible characters in the order of the document."""
        text_page, rectangle = self.text.raw, pdfium_c.FS_RECTF()
        x, y = ctypes.c_double(), ctypes.c_double()
        get_unicode, get_object = pdfium_c.FPDFText_GetUnicode, pdfium_c.FPDFText_GetTextObject
        get_box, get_origin = pdfium_c.FPDFText_GetLooseCharBox, pdfium_c.FPDFText_GetCharOrigin
        style, last_object, is_visible, after_space = Style(), 0, True, False
        for index in range(self.count):
            text = clean_character(get_unicode(text_page, index))
            if text == " ":
                after_space |= not pdfium_c.FPDFText_IsGenerated(text_page, index)
            if text is None or text == " ":
                continue
            handle = get_object(text_page, index)
            address = ctypes.cast(handle, ctypes.c_void_p).value or 0
            if address != last_object:
                last_object, style = address, self._style(index, handle)
                is_visible = self.with_hidden or self._is_visible(handle)
            if not is_visible or not get_box(text_page, index, rectangle):
                continue
            get_origin(text_page, index, x, y)
            box = self._box(rectangle.left, rectangle.right, rectangle.bottom, rectangle.top)
            if self._is_on_page(rectangle):
                baseline = self._point(x.value, y.value)[1]
                yield Glyph(text, box.x0, box.x1, baseline, style, after_space)
                after_space = False

    def _is_visible(self, handle: object) -> bool:
        return bool(pdfium_c.FPDFTextObj_GetTextRenderMode(handle) != INVISIBLE)

    def _point(self, x: float, y: float) -> tuple[float, float]:
        """Turn a place in the PDF into points from the top left corner of the shown page."""
        if self.rotation == 90:
            return y - self.bottom, x - self.left
        if self.rotation == 180:
            return self.right - x, y - self.bottom
        if self.rotation == 270:
            return self.top - y, self.right - x
        return x - self.left, self.top - y

    def _box(self, left: float, right: float, bottom: float, top: float, uri: str = "") -> Box:
        x0, y0 = self._point(left, bottom)
        x1, y1 = self._point(right, top)
        return Box(min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1), uri)

    def _is_on_page(self, rectangle: pdfium_c.FS_RECTF) -> bool:
        return bool(
            rectangle.right > self.left
            and rectangle.left < self.right
            and rectangle.top > self.bottom
            and rectangle.bottom < self.top
        )

    def _style(self, index: int, handle: object) -> Style:
        """Return the style of a character: its size on the page, not the font's raw size."""
        font = pdfium_c.FPDFTextObj_GetFont(handle)
        key = ctypes.cast(font, ctypes.c_void_p).value or 0
        matrix = pdfium_c.FS_MATRIX()
        pdfium_c.FPDFText_GetMatrix(self.text.raw, index, matrix)
        scale = (matrix.c**2 + matrix.d**2) ** 0.5
        size = round(abs(pdfium_c.FPDFText_GetFontSize(self.text.raw, index)) * scale * 4) / 4
        red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
        pdfium_c.FPDFPageObj_GetFillColor(handle, red, green, blue, alpha)
        color = red.value << 16 | green.value << 8 | blue.value
        if (key, size, color) not in self.styles:
            self.styles[key, size, color] = replace(self._font(key, font), size=size, color=color)
        return self.styles[key, size, color]

    def _font(self, key: int, font: object) -> Style:
        """Return the style that a font gives, without size and colour."""
        if key not in self.fonts:
            buffer = ctypes.create_string_buffer(128)
            pdfium_c.FPDFFont_GetBaseFontName(font, buffer, len(buffer))
            name = buffer.value.decode("utf-8", "replace").rpartition("+")[2]
            is_bold = BOLD_FONT.search(name) or pdfium_c.FPDFFont_GetFlags(font) & FORCE_BOLD
            weight = BOLD_WEIGHT if is_bold else max(0, pdfium_c.FPDFFont_GetWeight(font))
            self.fonts[key] = Style(
                font=name,
                weight=weight,
                italic=bool(SLANTED_FONT.search(name)),
                is_symbol=bool(SYMBOL_FONT.search(name)),
            )
        return self.fonts[key]

    def _add_links(self, words: list[Word]) -> None:
        """Give words that lie on a link its address."""
        boxes = list(self._links())
        for word in words if boxes else ():
            x, y = (word.x0 + word.x1) / 2, word.middle
            for box in boxes:
                if box.x0 <= x <= box.x1 and box.top <= y <= box.bottom:
                    word.uri = box.uri

    def _links(self) -> Iterator[Box]:
        position, link = ctypes.c_int(0), pdfium_c.FPDF_LINK()
        rectangle, buffer = pdfium_c.FS_RECTF(), ctypes.create_string_buffer(1024)
        while pdfium_c.FPDFLink_Enumerate(self.page.raw, position, link):
            action = pdfium_c.FPDFLink_GetAction(link)
            if not action or not pdfium_c.FPDFLink_GetAnnotRect(link, rectangle):
                continue
            length = pdfium_c.FPDFAction_GetURIPath(self.document.raw, action, buffer, len(buffer))
            if 1 < length <= len(buffer):
                uri = clean_text(buffer.value.decode("utf-8", "replace"))
                edges = rectangle.left, rectangle.right, rectangle.bottom, rectangle.top
                yield self._box(*edges, uri)

    def _shapes(self) -> Iterator[Box]:
        """Yield small drawn shapes, which may be bullets or icons."""
        edges = [ctypes.c_float() for _ in range(4)]
        for index in range(min(pdfium_c.FPDFPage_CountObjects(self.page.raw), MAX_OBJECTS)):
            handle = pdfium_c.FPDFPage_GetObject(self.page.raw, index)
            if pdfium_c.FPDFPageObj_GetType(handle) != pdfium_c.FPDF_PAGEOBJ_PATH:
                continue
            if pdfium_c.FPDFPageObj_GetBounds(handle, *edges):
                left, bottom, right, top = (edge.value for edge in edges)
                if 1 <= right - left <= MAX_SHAPE and 1 <= top - bottom <= MAX_SHAPE:
                    yield self._box(left, right, bottom, top)
