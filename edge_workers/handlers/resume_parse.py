"""`resume_parse`: an uploaded PDF or DOCX becomes JSON Resume and plain text."""

from pathlib import PurePosixPath
from typing import Annotated
from uuid import UUID

import httpx
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from storage3.exceptions import StorageApiError

from edge_workers.documents import parse_document
from edge_workers.errors import BackendRefused, BackendUnavailable, TaskFailed
from edge_workers.handlers.blocking import run_blocking
from edge_workers.handlers.handler import Context
from edge_workers.queue_client import Task, storable

BUCKET = "resumes"
MAX_TEXT_LENGTH = 200_000

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class Payload(BaseModel):
    """What `request_resume_parse` queued."""

    model_config = ConfigDict(frozen=True)

    resume_id: UUID
    file_path: Annotated[str, Field(pattern=rf"^{_UUID}/{_UUID}\.(pdf|docx)$")]


class Result(BaseModel):
    """What `private.on_resume_parse` writes into the résumé's row."""

    model_config = ConfigDict(frozen=True)

    parsed_data: dict[str, JsonValue]
    extracted_text: Annotated[str, Field(max_length=MAX_TEXT_LENGTH)]
    file_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    file_size_bytes: Annotated[int, Field(gt=0)]
    warnings: list[str]


async def handle(task: Task, context: Context) -> Result:
    """Download the task's file and read it.

    Raises TaskFailed when the file is gone, DocumentRejected when it cannot be read, and
    BackendUnavailable when Storage does not answer.
    """
    payload = Payload.model_validate(task.payload)
    owner = PurePosixPath(payload.file_path).parts[0]
    # The secret key opens every folder, so the worker itself keeps to the one of the task's user.
    if owner != str(task.user_id):
        raise TaskFailed("This file does not belong to your account. Upload it again.")
    data = await _download(context, payload.file_path)
    document = await run_blocking(parse_document, data)
    return Result(
        parsed_data=document.resume,
        # Cleaned before it is cut: afterwards it would be shorter than it may be.
        extracted_text=storable(document.text)[:MAX_TEXT_LENGTH],
        file_sha256=document.sha256,
        file_size_bytes=document.size_bytes,
        warnings=document.warnings,
    )


async def _download(context: Context, path: str) -> bytes:
    try:
        return await context.supabase.storage.from_(BUCKET).download(path)
    except httpx.RequestError as error:
        raise BackendUnavailable(f"download: {type(error).__name__}") from error
    except StorageApiError as error:
        # Storage answers 400 with "404" in the body on hosted projects, 404 elsewhere.
        if str(error.status) == "404" and "bucket" not in error.message.lower():
            raise TaskFailed("The file is no longer there. Upload it again.") from None
        raise BackendRefused(f"download was refused with status {error.status}") from None
