"""Why a document is refused, in the words that its user reads.

Each message says what is wrong and what to do. The reading process names the reason by its code,
so that a hostile document can never choose the words.
"""

from enum import Enum


class Rejection(Enum):
    """The reasons; the value is the message with its blanks."""

    EMPTY = "The file is empty. Upload the résumé again as a PDF or DOCX file."
    TOO_LARGE = (
        "The file is larger than {limit} MB. Compress its pictures or export it again, "
        "then upload the smaller file."
    )
    NOT_SUPPORTED = (
        "This is not a PDF or DOCX file. Export the résumé as PDF or DOCX and upload that file."
    )
    LEGACY_DOC = (
        "This is an old Word file (.doc). Open it in Word or LibreOffice, save it as .docx or PDF, "
        "and upload that file."
    )
    OTHER_ZIP = (
        "This is a ZIP archive or another Office format, not a DOCX file. "
        "Save the résumé as DOCX or PDF and upload that file."
    )
    ENCRYPTED = (
        "The file is protected with a password. Save a copy without the password and upload that."
    )
    BROKEN = (
        "The file is damaged or incomplete and cannot be opened. "
        "Export the résumé again and upload the new file."
    )
    TOO_MANY_PAGES = (
        "The document has {count} pages; a résumé may have at most {limit}. "
        "Upload only the pages of the résumé."
    )
    TOO_MUCH_TEXT = (
        "The document has far more text than a résumé (more than {limit} characters). "
        "Upload only the pages of the résumé."
    )
    SCANNED = (
        "The document has no text; it looks scanned or photographed. "
        "Export a PDF with text from the program it was written in, or run text recognition first."
    )
    NO_TEXT = "The document has no text in it. Check the file and upload the right one."
    TOO_SLOW = (
        "Reading the document took longer than {limit} seconds, so it was stopped. "
        "Export the résumé again as a simple PDF and upload that file."
    )
    TOO_MUCH_MEMORY = (
        "Reading the document needs more memory than any résumé does. "
        "Export the résumé again as a simple PDF and upload that file."
    )
    UNPACKS_TOO_LARGE = (
        "The DOCX file unpacks to far more than a résumé holds, so it was not opened. "
        "Remove large pictures and embedded files, or save it as PDF, and upload it again."
    )
    UNREADABLE = (
        "The document could not be read safely; it may be damaged. "
        "Export the résumé again as a simple PDF and upload that file."
    )


class Rejected(Exception):
    """Raised inside the reading process; the caller of `parse_document` sees DocumentRejected."""

    def __init__(self, reason: Rejection, **blanks: int) -> None:
        super().__init__(reason.name)
        self.reason, self.blanks = reason, blanks


def message_for(reason: Rejection, blanks: dict[str, int]) -> str:
    """Return the sentence for the user. `blanks` fill the message's placeholders with numbers."""
    numbers = {name: f"{number:,}" for name, number in blanks.items()}
    return reason.value.format(**numbers)
