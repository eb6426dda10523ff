"""What a file is, told by its first bytes; its name says nothing."""

from edge_workers.documents.rejections import Rejected, Rejection

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

PDF_HEADER_WITHIN = 1024
"""Readers accept a PDF whose header comes after some other bytes, up to so many."""

ZIP_MAGIC = b"PK\x03\x04"
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def detect(data: bytes) -> str:
    """Return the media type of a PDF or DOCX.

    A ZIP archive is taken for a DOCX; whether it is one turns out when it is opened. Raises
    Rejected for anything else.
    """
    if not data.strip(b"\0 \t\r\n"):
        raise Rejected(Rejection.EMPTY)
    if b"%PDF-" in data[:PDF_HEADER_WITHIN]:
        return PDF
    if data.startswith(ZIP_MAGIC):
        return DOCX
    if data.startswith(OLE_MAGIC):
        # A DOCX with a password is an OLE file as well; its stream has this name.
        is_encrypted = "EncryptedPackage".encode("utf-16-le") in data
        raise Rejected(Rejection.ENCRYPTED if is_encrypted else Rejection.LEGACY_DOC)
    raise Rejected(Rejection.NOT_SUPPORTED)
