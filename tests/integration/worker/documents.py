"""Documents made by the tests, and résumés made of them."""

import io

import docx

from cli.demo.user import DemoUser


def resume_document(*paragraphs: str) -> bytes:
    """A DOCX file with these paragraphs."""
    written = docx.Document()
    for paragraph in paragraphs:
        written.add_paragraph(paragraph)
    buffer = io.BytesIO()
    written.save(buffer)
    return buffer.getvalue()


def upload_resume(user: DemoUser, data: bytes, suffix: str = ".docx") -> str:
    """Upload a file and make a résumé of it; gives the résumé's id."""
    return user.add_resume(f"cv{suffix}", user.upload(data, suffix))
