"""One row of each client-facing relation, and how a client would write one.

The access matrix runs every command of every identity against these rows.
"""

from dataclasses import dataclass

from rlstests.actors import SYSTEM, Actor, Database


@dataclass(frozen=True)
class Sample:
    """SQL with one parameter, the owner's id, wherever it says %(owner)s.

    where   finds the owner's row
    make    makes that row, if signing up did not
    insert  column list and values with which a client makes a row for the owner
    update  assignment with which a client changes the row
    """

    where: str
    make: str = ""
    insert: str = ""
    update: str = ""


SAMPLES = {
    "public.profiles": Sample(
        where="id = %(owner)s",
        insert="(id, full_name) values (%(owner)s, 'x')",
        update="full_name = 'changed'",
    ),
    "public.user_preferences": Sample(
        where="user_id = %(owner)s",
        insert="(user_id, theme) values (%(owner)s, 'dark')",
        update="theme = 'dark'",
    ),
    "public.user_settings": Sample(
        where="user_id = %(owner)s and setting_key = 'editor'",
        make="(user_id, setting_key, setting_value) values (%(owner)s, 'editor', '1')",
        insert="(user_id, setting_key, setting_value) values (%(owner)s, 'other', '2')",
        update="setting_value = '3'",
    ),
    "public.admin_users": Sample(
        where="user_id = %(owner)s",
        make="(user_id, email) select id, 'helper@example.com' from public.profiles "
        "where id = (select user_id from public.admin_users limit 1)",
        insert="(user_id, email) values (%(owner)s, 'me@example.com')",
        update="role = 'super_admin'",
    ),
    "public.plans": Sample(
        where="code = 'free'",
        insert="(code, name, tier_rank) values ('mine', 'Mine', 99)",
        update="name = 'changed'",
    ),
    "public.plan_limits": Sample(
        where="plan_code = 'free' and meter = 'ai_actions'",
        insert="(plan_code, meter, period) values ('free', 'mine', 'day')",
        update="max_uses = 1000000",
    ),
    "public.operations": Sample(
        where="code = 'resume_parse'",
        insert="(code, meters) values ('mine', '{mine}')",
        update="token_cost = 0",
    ),
    "public.usage_counters": Sample(
        where="user_id = %(owner)s and meter = 'ai_actions'",
        insert="(user_id, meter, period_type, period_key) "
        "values (%(owner)s, 'mine', 'lifetime', 'lifetime')",
        update="used = 0",
    ),
    "public.usage_events": Sample(
        where="user_id = %(owner)s",
        make="(user_id, operation, period_type, period_key, charges) "
        "values (%(owner)s, 'resume_parse', 'lifetime', 'lifetime', '[]')",
        insert="(user_id, operation, period_type, period_key, charges) "
        "values (%(owner)s, 'resume_parse', 'lifetime', 'lifetime', '[]')",
        update="state = 'released'",
    ),
    "public.resumes": Sample(
        where="user_id = %(owner)s and title = 'Sample'",
        make="(user_id, title) values (%(owner)s, 'Sample')",
        insert="(user_id, title) values (%(owner)s, 'Another')",
        update="status = 'published'",
    ),
    "private.idempotency_keys": Sample(
        where="user_id = %(owner)s",
        make="(user_id, operation, idempotency_key, payload_sha256, usage_event_id) "
        "values (%(owner)s, 'resume_parse', 'k', '', gen_random_uuid())",
        insert="default values",
        update="operation = 'x'",
    ),
    "queue.task_kinds": Sample(
        where="kind = 'resume_parse'",
        insert="(kind, description) values ('mine', 'Mine')",
        update="max_attempts = 25",
    ),
    "queue.tasks": Sample(
        where="user_id = %(owner)s",
        make="(kind, user_id, priority, max_attempts) values ('resume_parse', %(owner)s, 1, 1)",
        insert="(kind, user_id, priority, max_attempts) values ('resume_parse', %(owner)s, 1, 1)",
        update="priority = 0",
    ),
    "queue.finished": Sample(
        where="user_id = %(owner)s",
        make="(id, kind, outcome, payload, user_id, attempt, created_at) "
        "values (gen_random_uuid(), 'resume_parse', 'done', '{}', %(owner)s, 1, now())",
        insert="default values",
        update="outcome = 'done'",
    ),
}


def statement(relation: str, command: str) -> str:
    """The statement with which a client runs this command on the owner's row."""
    sample = SAMPLES[relation]
    return {
        "select": f"select 1 from {relation} where {sample.where}",
        "insert": f"insert into {relation} {sample.insert}",
        "update": f"update {relation} set {sample.update} where {sample.where}",
        "delete": f"delete from {relation} where {sample.where}",
    }[command]


def make_row(db: Database, relation: str, owner: Actor) -> None:
    """Make the owner's row."""
    sample = SAMPLES[relation]
    if sample.make:
        with db.acting(SYSTEM) as connection:
            connection.execute(f"insert into {relation} {sample.make}", {"owner": owner.user_id})


def rows(db: Database, relation: str, owner: Actor) -> str:
    """The owner's row as the system sees it, to compare before and after."""
    with db.acting(SYSTEM) as connection:
        cursor = connection.execute(
            f"select r::text as row from {relation} r where {SAMPLES[relation].where}",
            {"owner": owner.user_id},
        )
        return "\n".join(sorted(row["row"] for row in cursor.fetchall()))
