"""A user of the product, who has nothing but the API that a web page has."""

import io
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docx
import httpx
from supabase import Client, ClientOptions, create_client

from cli.stack.status import StackStatus

MEDIA_TYPES = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


class User:
    """Signed in, with what the tests need to do."""

    def __init__(self, client: Client) -> None:
        self._client = client
        email, password = f"{uuid.uuid4()}@example.com", str(uuid.uuid4())
        answer = client.auth.sign_up({"email": email, "password": password})
        assert answer.user is not None
        self.id = answer.user.id

    def upload_resume(self, data: bytes, ending: str = "docx") -> str:
        """Upload the file and make a résumé of it; gives the résumé's id."""
        path = f"{self.id}/{uuid.uuid4()}.{ending}"
        self._client.storage.from_("resumes").upload(
            path, data, {"content-type": MEDIA_TYPES[ending]}
        )
        row = {"title": "CV", "file_path": path, "file_name": f"cv.{ending}"}
        return str(self._client.table("resumes").insert(row).execute().data[0]["id"])

    def delete_file(self, resume_id: str) -> None:
        self._client.storage.from_("resumes").remove([self.resume(resume_id)["file_path"]])

    def request_parse(self, resume_id: str) -> None:
        self._client.rpc("request_resume_parse", {"p_resume_id": resume_id}).execute()

    def resume(self, resume_id: str) -> dict[str, Any]:
        answer = self._client.table("resumes").select("*").eq("id", resume_id).single().execute()
        return dict(answer.data)

    def uses(self) -> int:
        """How many uses of the allowance are gone, over all meters."""
        return sum(row["used"] for row in self._client.rpc("my_usage").execute().data)


@contextmanager
def new_user(stack: StackStatus) -> Iterator[User]:
    # With an HTTP client of ours, because supabase 2.34 makes its own in a way it calls deprecated.
    with httpx.Client(timeout=30) as http_client:
        options = ClientOptions(httpx_client=http_client, auto_refresh_token=False)
        yield User(create_client(stack.api_url, stack.publishable_key, options))


def resume_document(*paragraphs: str) -> bytes:
    """A DOCX file with these paragraphs."""
    written = docx.Document()
    for paragraph in paragraphs:
        written.add_paragraph(paragraph)
    buffer = io.BytesIO()
    written.save(buffer)
    return buffer.getvalue()
