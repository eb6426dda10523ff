"""A user of the product: signs up and talks to the Data API and Storage like any web client."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from cli.output import CliError

if TYPE_CHECKING:
    from supabase import Client

MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
OPEN_STATES = ("pending", "processing")


class DemoUser:
    """A new account with the publishable key; every call runs under row level security.

    Use it in a `with` block, which closes its connections.
    """

    def __init__(self, api_url: str, publishable_key: str) -> None:
        # Imported here: the client takes a third of a second to import.
        import httpx
        from supabase import ClientOptions, create_client

        # With an HTTP client of ours: supabase 2.34 makes its own in a way it calls deprecated. It
        # talks to a stack on this machine, which a proxy for the outside world cannot reach.
        self._http_client = httpx.Client(timeout=30, trust_env=False)
        options = ClientOptions(httpx_client=self._http_client, auto_refresh_token=False)
        self.client: Client = create_client(api_url, publishable_key, options)
        self.email = f"ada-{secrets.token_hex(4)}@example.com"
        self.user_id = ""

    def __enter__(self) -> DemoUser:
        return self

    def __exit__(self, *_: object) -> None:
        self._http_client.close()

    def sign_up(self, full_name: str) -> None:
        """Make the account through Auth. The triggers of the database do the rest."""
        answer = self.client.auth.sign_up(
            {
                "email": self.email,
                "password": secrets.token_urlsafe(16),
                "options": {"data": {"full_name": full_name}},
            }
        )
        if answer.user is None or answer.session is None:
            raise CliError(
                "signup-without-session",
                "Auth made the account but did not sign it in.",
                "The demo needs an environment that does not ask to confirm e-mail addresses.",
            )
        self.user_id = answer.user.id

    def profile(self) -> dict[str, Any]:
        """Read the profile that signing up made."""
        rows: Any = self.client.table("profiles").select("*").execute().data
        return dict(rows[0])

    def subscription_status(self) -> dict[str, Any]:
        """Read plan, status, tokens and what remains, as a billing page does."""
        rows: Any = self.client.rpc("my_subscription_status", {}).execute().data
        return dict(rows[0])

    def payments(self) -> list[dict[str, Any]]:
        """Read the payments that the user has made."""
        rows: Any = self.client.table("payments").select("*").execute().data
        return list(rows)

    def allowance(self) -> dict[str, Any]:
        """Read the first limit of the plan: meter, used, max_uses, remaining."""
        rows: Any = self.client.rpc("my_usage", {}).execute().data
        if not rows:
            raise CliError(
                "no-catalogue",
                "The free plan has no limits: the catalogue is not there.",
                "Run: resumebase reset --yes",
            )
        return dict(rows[0])

    def upload(self, data: bytes, suffix: str) -> str:
        """Put a file into the user's folder of the bucket `resumes`; returns its path there."""
        path = f"{self.user_id}/{uuid4()}{suffix}"
        self.client.storage.from_("resumes").upload(
            path, data, {"content-type": MEDIA_TYPES[suffix]}
        )
        return path

    def add_resume(self, file_name: str, path: str) -> str:
        """Insert the résumé that the uploaded file belongs to; returns its id."""
        row = {"title": Path(file_name).stem, "file_name": file_name, "file_path": path}
        rows: Any = self.client.table("resumes").insert(row).execute().data
        return str(rows[0]["id"])

    def resume(self, resume_id: str) -> dict[str, Any]:
        """Read one résumé, whole."""
        query = self.client.table("resumes").select("*").eq("id", resume_id)
        row: Any = query.single().execute().data
        return dict(row)

    def resumes(self) -> list[dict[str, Any]]:
        """Read all résumés, those in the trash too."""
        rows: Any = self.client.table("resumes").select("id,title,parse_status").execute().data
        return list(rows)

    def request_parse(self, resume_id: str) -> dict[str, Any]:
        """Ask for the file to be read: reserves a use and queues the task. PT402 when used up."""
        values = {"p_resume_id": resume_id, "p_idempotency_key": str(uuid4())}
        row: Any = self.client.rpc("request_resume_parse", values).execute().data
        return dict(row)

    def wait_for_parse(self, resume_id: str, seconds: float) -> tuple[dict[str, Any], list[str]]:
        """Poll until the file is read; returns the row and the states that were seen."""
        seen: list[str] = []
        deadline = time.monotonic() + seconds
        while True:
            row = self.resume(resume_id)
            if row["parse_status"] not in seen[-1:]:
                seen.append(row["parse_status"])
            if row["parse_status"] not in OPEN_STATES:
                return row, seen
            if time.monotonic() > deadline:
                raise CliError(
                    "no-worker",
                    f"The résumé is still {row['parse_status']} after {seconds:g} seconds.",
                    "Is a worker running? See: resumebase status, and: resumebase logs worker",
                )
            time.sleep(0.05)
