"""Files that cannot be read end with a sentence that says what to do, within the limits."""

import io
import zipfile
from pathlib import Path

import pytest

from edge_workers.documents import Limits, parse_document
from edge_workers.documents.rejections import Rejection
from edge_workers.errors import DocumentRejected

from . import made

EXAMPLES = Path(__file__).parents[3] / "examples" / "resumes"
PDF_EXAMPLE = (EXAMPLES / "backend-engineer.pdf").read_bytes()
DOCX_EXAMPLE = (EXAMPLES / "data-scientist.docx").read_bytes()
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
EXTERNAL_ENTITY = (
    '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
    + made.BODY.format(text="Jane Doe &e;")
)

REJECTED = [
    ("nothing", b"", "empty"),
    ("zeros", bytes(500), "empty"),
    ("a text", b"Jane Doe\njane@example.com", "not a PDF or DOCX"),
    ("a picture", b"\x89PNG\r\n\x1a\n" + bytes(100), "not a PDF or DOCX"),
    ("an old Word file", OLE + bytes(600), ".doc"),
    ("a DOCX with a password", OLE + "EncryptedPackage".encode("utf-16-le"), "password"),
    ("a PDF with a password", made.encrypted_pdf(), "password"),
    ("half a PDF", PDF_EXAMPLE[: len(PDF_EXAMPLE) // 2], "damaged"),
    ("the header of a PDF", b"%PDF-1.7\n", "damaged"),
    ("half a DOCX", DOCX_EXAMPLE[: len(DOCX_EXAMPLE) // 2], "damaged"),
    ("a DOCX without end tags", made.docx_of("<w:document"), "damaged"),
    ("a DOCX with an external entity", made.docx_of(EXTERNAL_ENTITY), "damaged"),
    ("a ZIP archive", made.package({"../../evil.txt": "x", "cv.txt": "Jane"}), "ZIP archive"),
    ("a spreadsheet", made.package({"[Content_Types].xml": "", "xl/a.xml": ""}), "Office format"),
    ("a scan", made.scanned_pdf(), "looks scanned"),
    ("a blank page", made.pdf_of_content(b""), "no text"),
    ("a blank DOCX", made.docx_of(made.BODY.format(text=" ")), "no text"),
    ("a thousand pages", made.pdf_of_lines(["Jane Doe"], pages=1000), "1,000 pages"),
    (
        "a DOCX that unpacks to 100 MB",
        made.docx_of(made.BODY.format(text=" " * 100_000_000)),
        "unpacks to far more",
    ),
    (
        "a DOCX with thousands of members",
        made.docx_of(made.BODY.format(text="x"), **{f"m{n}.xml": "" for n in range(3000)}),
        "unpacks to far more",
    ),
    ("a PDF that unpacks to 1 GB", made.flate_bomb(1000), "more memory"),
]


@pytest.mark.parametrize(
    ("data", "words"), [row[1:] for row in REJECTED], ids=[r[0] for r in REJECTED]
)
def test_a_file_that_cannot_be_read__is_rejected_with_what_to_do(data: bytes, words: str) -> None:
    with pytest.raises(DocumentRejected, match=words) as error:
        parse_document(data)
    problem, advice = str(error.value).split(". ", 1)
    assert problem and advice.endswith(".")


def test_a_file_that_is_too_large__is_rejected_before_it_is_opened() -> None:
    with pytest.raises(DocumentRejected, match=r"larger than 10 MB"):
        parse_document(b"%PDF-1.7\n" + bytes(Limits().max_bytes))


def test_a_document_with_too_much_text__is_rejected() -> None:
    lines = ["Jane Doe", *["word " * 20] * 40]
    with pytest.raises(DocumentRejected, match=r"more than 1,000 characters"):
        parse_document(made.pdf_of_lines(lines), limits=Limits(max_characters=1000))
    body = made.BODY.format(text="word " * 400)
    with pytest.raises(DocumentRejected, match=r"more than 1,000 characters"):
        parse_document(made.docx_of(body), limits=Limits(max_characters=1000))


def test_millions_of_glyphs__are_rejected() -> None:
    glyphs = (
        b"BT /F 1 Tf 9 700 Td " + b"(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) Tj " * 50_000 + b"ET"
    )
    with pytest.raises(DocumentRejected, match=r"more text|more memory|longer"):
        parse_document(made.pdf_of_content(glyphs))


def test_a_package_that_lies_about_its_sizes__is_rejected() -> None:
    data = bytearray(made.docx_of(made.BODY.format(text="Jane Doe " * 1000)))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as package:
        size = package.getinfo("word/document.xml").file_size
    honest, small = size.to_bytes(4, "little"), (100).to_bytes(4, "little")
    assert data.count(honest) == 2
    with pytest.raises(DocumentRejected, match="damaged"):
        parse_document(bytes(data.replace(honest, small)))


def test_a_macro_or_a_picture_in_a_docx__does_no_harm() -> None:
    parts = {"word/vbaProject.bin": b"\0" * 100, "word/media/a.png": b"\x89PNG"}
    parsed = parse_document(made.docx_of(made.BODY.format(text="Jane Doe"), **parts))
    assert parsed.text == "Jane Doe"


@pytest.mark.parametrize("reason", Rejection)
def test_every_message__has_a_problem_and_an_advice(reason: Rejection) -> None:
    problem, _, advice = reason.value.partition(". ")
    assert problem and advice.endswith(".")
