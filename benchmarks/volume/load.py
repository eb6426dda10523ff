"""Fill a database with many users and their rows, fast: no triggers, no foreign key checks.

What a real signup or edit would do beside (versions, audit) is left out; the rows themselves are of
the size and shape that clients write. Needs a superuser, so only a scratch stack can be filled.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg

# Index builds at the end are faster than a million small insertions into them.
DEFERRED_INDEXES = """
    select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
    where a.amname = 'gin' and c.relnamespace = 'public'::regnamespace
        and not exists (select 1 from pg_inherits h where h.inhrelid = i.indexrelid)
        and (select relkind from pg_class where oid = i.indrelid) = 'r'
"""

USERS = """
    insert into auth.users (id, email, raw_user_meta_data)
    select md5('user' || n)::uuid, 'user' || n || '@example.com', '{}'
    from generate_series(%(first)s::int, %(last)s::int) as n
"""
PROFILES = """
    insert into public.profiles (id, email, full_name, subscription_tier)
    select md5('user' || n)::uuid, 'user' || n || '@example.com', 'Person Number ' || n,
        'unlimited'
    from generate_series(%(first)s::int, %(last)s::int) as n
"""
RESUMES = """
    insert into public.resumes
    (id, user_id, title, content, updated_at, deleted_at, is_public, share_slug)
    select md5('resume' || n)::uuid, md5('user' || 1 + n %% %(users)s)::uuid,
        (array['Backend', 'Frontend', 'Data', 'Nursing', 'Sales'])[1 + n %% 5] || ' engineer ' || n,
        jsonb_build_object(
            'personalInfo', jsonb_build_object('name', 'Person ' || n, 'email', n || '@x.org'),
            'summary', 'Ten years of building things that work, number ' || n || '.',
            'experience', jsonb_build_array(jsonb_build_object(
                'company', 'Company ' || n %% 5000, 'title', 'Engineer',
                'startDate', '2015-03', 'endDate', '2024-11',
                'bullets', jsonb_build_array(
                    'Reduced the cost of storage by ' || n %% 90 || ' percent in a year.',
                    'Led a team of ' || n %% 20 || ' people through two migrations.'
                )
            )),
            'skills', jsonb_build_object('technical', jsonb_build_array(
                (array['Python', 'Go', 'Rust', 'Java', 'SQL', 'Haskell'])[1 + n %% 6],
                'Skill' || n %% 3000
            ))
        ),
        now() - make_interval(mins => n %% 500000),
        case when n %% 20 = 0 then now() end,
        n %% 50 = 7,
        case when n %% 50 = 7 then md5('share' || n) end
    from generate_series(%(first)s::int, %(last)s::int) as n
"""
# Everything else a user has: so many rows for each, and the columns that queries filter by.
PER_USER = {
    "public.user_preferences": (1, "user_id", "u"),
    "public.usage_counters": (
        2,
        "user_id, meter, period_type, period_key, used",
        "u, (array['ai_actions', 'analyses'])[i], 'month', to_char(now(), 'YYYY-MM'), i",
    ),
    "public.usage_events": (
        3,
        "user_id, operation, period_type, period_key, charges",
        "u, 'match', 'lifetime', 'lifetime', '[]'",
    ),
    "public.jobs": (
        3,
        "id, user_id, title, company, description, status",
        "md5('job' || n || '.' || i)::uuid, u, 'Engineer ' || n, 'Company ' || n, "
        "'We look for an engineer who knows Python and SQL, number ' || n || '.', 'saved'",
    ),
    "public.analyses": (
        3,
        "user_id, resume_id, analysis_type, status, completed_at, ai_provider, score",
        "u, md5('resume' || n - 1)::uuid, 'ats_score', 'completed', now(), 'offline', n % 100",
    ),
    "public.user_experiences": (
        3,
        "user_id, company, position, start_date",
        "u, 'Company ' || n, 'Engineer', '2020-01-01'",
    ),
    "public.interview_sessions": (
        1,
        "id, user_id, session_type, status",
        "md5('session' || n)::uuid, u, 'chat', 'active'",
    ),
    "public.interview_turns": (
        4,
        "user_id, session_id, speaker, message, turn_number",
        "u, md5('session' || n)::uuid, 'user', 'I would measure it first.', i",
    ),
    "public.resume_versions": (
        2,
        "user_id, resume_id, version_number, content, layout, change_type",
        "u, md5('resume' || n - 1)::uuid, i, '{}', '{}', 'manual'",
    ),
    "public.token_transactions": (
        2,
        "user_id, amount, balance_after, transaction_type",
        "u, 10, 10, 'grant'",
    ),
    "public.ai_documents": (1, "user_id, kind, status", "u, 'cover_letter', 'pending'"),
}


@dataclass(frozen=True)
class Volume:
    """How much: users, and résumés of all of them together."""

    users: int
    resumes: int


def fill(connect: Callable[[], psycopg.Connection], volume: Volume) -> float:
    """Load the volume into a migrated database and analyze it; return the seconds it took.

    `connect` opens an autocommit connection of a superuser. Raises psycopg errors.
    """
    begun = time.perf_counter()
    with connect() as connection:
        indexes = connection.execute(DEFERRED_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f"drop index {name}")
        run_in_halves(connect, USERS, volume.users, volume)
        run_in_halves(connect, PROFILES, volume.users, volume)
        run_in_halves(connect, RESUMES, volume.resumes, volume)
        for table, (rows, columns, values) in PER_USER.items():
            run_in_halves(connect, per_user(table, rows, columns, values), volume.users, volume)
        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(lambda row: run(connect, row[1]), indexes))
        connection.execute("vacuum analyze")
    return time.perf_counter() - begun


def per_user(table: str, rows: int, columns: str, values: str) -> str:
    """Return the statement that gives every user so many rows of a table."""
    return (
        f"insert into {table} ({columns}) select {values.replace('%', '%%')} "
        f"from generate_series(%(first)s::int, %(last)s::int) as n "
        f"cross join generate_series(1, {rows}) as i "
        "cross join lateral (select md5('user' || n)::uuid as u) as users"
    )


def run(
    connect: Callable[[], psycopg.Connection], sql: str, values: dict[str, int] | None = None
) -> None:
    """Run one statement on a connection of its own that fires no triggers."""
    with connect() as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("set maintenance_work_mem = '512MB'")
        connection.execute(sql, values)


def run_in_halves(
    connect: Callable[[], psycopg.Connection], sql: str, rows: int, volume: Volume
) -> None:
    """Run an insertion of rows 1 to `rows` as two sessions at once."""
    middle = rows // 2
    parts = [(1, middle), (middle + 1, rows)]
    with ThreadPoolExecutor(max_workers=2) as pool:
        jobs = [
            pool.submit(run, connect, sql, {"first": a, "last": b, "users": volume.users})
            for a, b in parts
        ]
        for job in jobs:
            job.result()
