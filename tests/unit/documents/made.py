"""Documents that the tests make by hand: small PDFs, and hostile PDFs and DOCX files."""

import io
import zipfile
import zlib
from collections.abc import Iterable

CONTENT_TYPES = (
    '<?xml version="1.0"?>'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
RELATIONS = (
    '<?xml version="1.0"?><Relationships '
    'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)
BODY = (
    '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
    "<w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>"
)


def stream(content: bytes, entries: str = "") -> bytes:
    """Return a stream object's body."""
    return f"<< /Length {len(content)} {entries}>>\nstream\n".encode() + content + b"\nendstream"


def pdf(objects: Iterable[bytes], trailer: str = "") -> bytes:
    """Return a PDF with these objects, numbered from 1; the first is the catalogue."""
    output, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(output))
        output += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = len(output)
    output += f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n".encode()
    output += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    output += f"trailer\n<< /Size {len(places) + 1} /Root 1 0 R {trailer}>>\n".encode()
    return bytes(output + f"startxref\n{table}\n%%EOF\n".encode())


def pdf_of_content(
    content: bytes, *, entries: str = "", pages: int = 1, trailer: str = "", page: str = ""
) -> bytes:
    """Return a PDF whose pages all show the same content stream, in Helvetica as /F.

    `entries` go into the stream's dictionary, `page` into each page's, `trailer` into the trailer.
    """
    first = 5
    kids = " ".join(f"{first + index} 0 R" for index in range(pages))
    body = (
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        f"/Resources << /Font << /F 3 0 R >> >> {page}>>"
    ).encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        stream(content, entries),
        *[body] * pages,
    ]
    return pdf(objects, trailer)


def pdf_of_lines(lines: Iterable[str], **options: int) -> bytes:
    """Return a PDF with lines of text, the first one large."""
    shown = [
        f"BT /F {24 if index == 0 else 10} Tf 60 {740 - 16 * index} Td ({line}) Tj ET"
        for index, line in enumerate(lines)
    ]
    return pdf_of_content("\n".join(shown).encode("cp1252"), **options)


def encrypted_pdf() -> bytes:
    """Return a PDF whose password nobody knows: its keys are made up."""
    key = "<" + "5a" * 32 + ">"
    encryption = f"/Encrypt << /Filter /Standard /V 1 /R 2 /O {key} /U {key} /P -4 >>"
    return pdf_of_content(b"", trailer=f"{encryption} /ID [<aa> <bb>] ")


def scanned_pdf() -> bytes:
    """Return a PDF with one page that is all picture."""
    picture = stream(
        bytes(64),
        "/Type /XObject /Subtype /Image /Width 8 /Height 8 /ColorSpace /DeviceGray "
        "/BitsPerComponent 8 ",
    )
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R "
        b"/Resources << /XObject << /P 4 0 R >> >> >>"
    )
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            page,
            picture,
            stream(b"q 612 0 0 792 0 0 cm /P Do Q"),
        ]
    )


def flate_bomb(megabytes: int) -> bytes:
    """Return a PDF whose page content unpacks to so many megabytes of spaces."""
    return pdf_of_content(deflated_spaces(megabytes), entries="/Filter /FlateDecode ")


def deflated_spaces(megabytes: int) -> bytes:
    """Return a zlib stream of spaces; one packed megabyte is repeated, so that this is quick."""
    block = b" " * 1024 * 1024
    packer = zlib.compressobj(9)
    start = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    middle = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 1
    for _ in range(megabytes):
        checksum = zlib.adler32(block, checksum)
    return start + middle * (megabytes - 1) + b"\x03\x00" + checksum.to_bytes(4, "big")


def package(members: dict[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP archive."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return output.getvalue()


def docx_of(document: bytes | str, **members: bytes | str) -> bytes:
    """Return a DOCX with this main part."""
    return package(
        {
            "[Content_Types].xml": CONTENT_TYPES,
            "_rels/.rels": RELATIONS,
            "word/document.xml": document,
            **members,
        }
    )


def placed_pdf(texts: Iterable[tuple[float | str, ...]]) -> bytes:
    """Return a one-page PDF with texts at (x, y from the top); a fourth item is the font's size."""
    shown = []
    for x, y, text, *size in texts:
        shown.append(f"BT /F {size[0] if size else 10} Tf {x} {792 - float(y)} Td ({text}) Tj ET")
    return pdf_of_content("\n".join(shown).encode("cp1252"))
