"""DOCX bytes → lines in reading order, with python-docx.

What the file would unpack to is looked at first; python-docx itself resolves no entities.
"""

import io
import zipfile
import zlib

import docx
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn

from edge_workers.documents.docx_lines import lines_of_document
from edge_workers.documents.limits import Limits
from edge_workers.documents.page import Line
from edge_workers.documents.rejections import Rejected, Rejection

MAIN_PART = "word/document.xml"
ENCRYPTED_FLAG = 0x1
BROKEN_PACKAGE = (PackageNotFoundError, zipfile.BadZipFile, SyntaxError, LookupError, ValueError)
"""What python-docx raises for a broken file; lxml's error for broken XML is a SyntaxError."""


def read_docx(data: bytes, limits: Limits) -> tuple[list[Line], int]:
    """Read a DOCX. Returns its lines and the number of pages it had when it was last saved.

    Raises Rejected if it is broken, no DOCX, or unpacks to more than the limits allow.
    """
    check_package(data, limits)
    try:
        document = docx.Document(io.BytesIO(data))
        lines = list(lines_of_document(document))
    except BROKEN_PACKAGE as error:
        raise Rejected(Rejection.BROKEN) from error
    if sum(len(line.text) for line in lines) > limits.max_characters:
        raise Rejected(Rejection.TOO_MUCH_TEXT, limit=limits.max_characters)
    breaks = sum(1 for _ in document.element.body.iter(qn("w:lastRenderedPageBreak")))
    if breaks + 1 > limits.max_pages:
        raise Rejected(Rejection.TOO_MANY_PAGES, count=breaks + 1, limit=limits.max_pages)
    return lines, breaks + 1


def check_package(data: bytes, limits: Limits) -> None:
    """Refuse a package that is no DOCX, or whose members are absurd, before anything opens it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            members = package.infolist()
            names = {member.filename for member in members}
            if MAIN_PART not in names or "[Content_Types].xml" not in names:
                raise Rejected(Rejection.OTHER_ZIP)
            if any(member.flag_bits & ENCRYPTED_FLAG for member in members):
                raise Rejected(Rejection.ENCRYPTED)
            unpacked = sum(member.file_size for member in members)
            if unpacked > limits.max_unpacked_bytes or len(members) > limits.max_members:
                raise Rejected(Rejection.UNPACKS_TOO_LARGE)
            for member in members:
                if member.filename.endswith((".xml", ".rels")):
                    _check_has_no_doctype(package, member)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError) as error:
        raise Rejected(Rejection.BROKEN) from error


def _check_has_no_doctype(package: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuse document types: no DOCX has one, and they can pull in files or grow without end."""
    with package.open(member) as stream:
        if b"<!DOCTYPE" in stream.read(4096).upper():
            raise Rejected(Rejection.BROKEN)
