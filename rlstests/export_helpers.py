"""What the tests of room exports have in common: a résumé, and a worker that renders it."""

from uuid import UUID

from rlstests.actors import Actor, Database, Row
from rlstests.request_helpers import work

ANY = "00000000-0000-4000-8000-000000000001"


def add_resume(db: Database, user: Actor) -> UUID:
    made = db.value(
        user,
        "insert into public.resumes (title, content, layout) "
        """values ('Mine', '{"summary": "I bake."}', '{"sectionOrder": ["summary"]}') """
        "returning id",
    )
    assert isinstance(made, UUID)
    return made


def request(
    db: Database, user: Actor, resume: UUID | None, formats: list[str] | None = None, **more: object
) -> Row:
    values = {"resume_id": resume, "formats": formats or ["pdf"]} | more
    given = ", ".join(f"p_{name} => %s" for name in values)
    return db.one(user, f"select * from public.request_generation({given})", *values.values())


def result(user: Actor, *formats: str, **more: object) -> dict[str, object]:
    """What a worker sends; more changes it, and a null value removes a key."""
    files = [
        {"format": each, "file_path": f"{user.user_id}/{ANY}/cv.{each[:4]}", "file_size_bytes": 9}
        for each in formats or ("pdf",)
    ]
    sent = {"files": files, "processing_time_ms": 15, "latex_content": "\\documentclass"} | more
    return {key: value for key, value in sent.items() if value is not None}


def rendered(db: Database, user: Actor, resume: UUID, *formats: str) -> UUID:
    """A generation that is completed, with its files."""
    made = request(db, user, resume, list(formats) or ["pdf"])["id"]
    work(db, "generation", result(user, *formats))
    assert isinstance(made, UUID)
    return made


def generation(db: Database, user: Actor) -> Row:
    return db.one(user, "select * from public.resume_generations")


def download(db: Database, user: Actor, made: UUID | None, form: str | None = "pdf") -> Row:
    return db.one(user, "select * from public.record_download(%s, %s)", made, form)
