"""The main job: a new user uploads a résumé and gets it back as data, until the allowance ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cli.demo.narrator import Narrator
from cli.demo.user import DemoUser
from cli.output import CliError

WAIT_SECONDS = 60.0


def walk(user: DemoUser, file: Path, narrator: Narrator) -> dict[str, Any]:
    """Sign up, upload, ask, wait, read, and use up the free plan; returns the parsed résumé.

    Raises CliError when a step does not do what it promises.
    """
    user.sign_up("Ada Lovelace")
    narrator.tell("Signed up through Auth", f"{user.email}  ·  user {user.user_id}")

    profile, allowance = user.profile(), user.allowance()
    narrator.tell(
        "Triggers made a profile and an allowance; read through the Data API",
        f"{profile['full_name']}, plan {profile['subscription_tier']}",
        _usage_line(allowance),
    )

    path = user.upload(file.read_bytes(), file.suffix.lower())
    narrator.tell(f"Uploaded {file.name} to the bucket resumes", path)

    resume_id = user.add_resume(file.name, path)
    row = user.request_parse(resume_id)
    narrator.tell(
        "Asked for it to be read: one use reserved, one task queued, in one transaction",
        f"rpc request_resume_parse  →  parse_status {row['parse_status']}",
    )

    row, seen = user.wait_for_parse(resume_id, WAIT_SECONDS)
    if row["parse_status"] != "completed":
        raise CliError(
            "parse-failed",
            f"The résumé could not be read: {row['parse_error']}",
            "Try another file, or see: resumebase logs worker",
        )
    narrator.tell(
        "The worker claimed it, downloaded the file, read it and wrote the result",
        "  →  ".join(seen),
        _usage_line(user.allowance()),
    )

    _use_up(user, resume_id, narrator)
    return dict(row["parsed_data"])


def _usage_line(allowance: dict[str, Any]) -> str:
    return f"{allowance['meter']}: {allowance['used']} of {allowance['max_uses']} used"


def _use_up(user: DemoUser, resume_id: str, narrator: Narrator) -> None:
    """Ask again until the database says no, which it must do exactly when nothing remains."""
    remaining = int(user.allowance()["remaining"])
    read_again(user, resume_id, remaining)
    narrator.tell(
        f"Read it {remaining} more times, then asked once more", *refusal(user, resume_id)
    )


def read_again(user: DemoUser, resume_id: str, times: int) -> None:
    """Have the file read again and again, each time until that is done."""
    for _ in range(times):
        user.request_parse(resume_id)
        user.wait_for_parse(resume_id, WAIT_SECONDS)


def refusal(user: DemoUser, resume_id: str) -> tuple[str, str]:
    """Ask once more when nothing is left; returns how the database refuses that.

    Raises CliError when it does not.
    """
    from postgrest import APIError

    try:
        user.request_parse(resume_id)
    except APIError as error:
        if error.code != "PT402":
            raise
        return f"{error.code}  {error.message}", str(error.details)
    raise CliError(
        "allowance-not-enforced",
        "The database allowed a use that was not there.",
        "Please report this: it must not happen.",
    )
