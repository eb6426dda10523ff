"""What the tests of AI requests share: a résumé, a job, and who answered."""

import json
from uuid import UUID

from rlstests.actors import Actor, Database

FACTS = {
    "ai_provider": "offline",
    "model_used": "offline-1",
    "tokens_used": 1200,
    "processing_time_ms": 340,
    "estimated_cost": 0.001234,
}
CONTENT = {"personalInfo": {"name": "Ada Lovelace"}, "summary": "Engineer."}


def add_resume(db: Database, user: Actor, content: object = None) -> UUID:
    resume = db.value(
        user,
        "insert into public.resumes (title, content) values ('Engineer', %s) returning id",
        json.dumps(CONTENT if content is None else content),
    )
    assert isinstance(resume, UUID)
    return resume


def add_job(db: Database, user: Actor, description: str | None = "Engines, analytical.") -> UUID:
    job = db.value(
        user,
        "insert into public.jobs (title, company, description) "
        "values ('Programmer', 'Babbage & Co', %s) returning id",
        description,
    )
    assert isinstance(job, UUID)
    return job
