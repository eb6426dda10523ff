"""Room resumes, search: by words as people type them, and by skills."""

import json
from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused


def add(db: Database, user: Actor, title: str, content: object = None, text: str = "") -> UUID:
    made = db.value(
        SYSTEM,
        "insert into public.resumes (user_id, title, content, extracted_text) "
        "values (%s, %s, %s, %s) returning id",
        user.user_id,
        title,
        json.dumps(content or {}),
        text,
    )
    assert isinstance(made, UUID)
    return made


@pytest.fixture
def owner(db: Database, owner: Actor) -> Actor:
    """As many résumés as a test needs."""
    sql = "update public.profiles set subscription_tier = 'unlimited' where id = %s"
    db.query(SYSTEM, sql, owner.user_id)
    return owner


def search(db: Database, user: Actor, query: str | None, *more: int | None) -> list[Row]:
    marks = ", ".join(["%s"] * (1 + len(more)))
    return db.query(user, f"select * from public.search_resumes({marks})", query, *more)


def titles(db: Database, user: Actor, query: str | None, *more: int | None) -> list[str]:
    return [row["title"] for row in search(db, user, query, *more)]


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("engineer", True),
        ("engin", True),
        ("ENGIN", True),
        ("engineering", False),
        ("data engin", True),
        ("pyth engin", True),
        ("engineer nurse", False),
        ("nurse or engineer", True),
        ('"data engineer"', True),
        ('"engineer data"', False),
        ('"engin"', False),
        ('"data engin"', False),
        ('"data" engin', True),
        ("engineer -python", False),
        ("engineer -pyth", True),
        ("engineer -nurse", True),
        ('engineer -"data engineer"', False),
        ('engineer -"engineer data"', True),
        ("engineer -full-time", False),
        ("engineer -full-tim", True),
        ("-nurse", True),
        ("full-tim", True),
        ("r", True),
        ("e", False),
        ("c", False),
        ("résum", True),
        ("工程", True),
        ("O'Rei", True),
        ("orphan", False),
    ],
)
def test_search__understands_what_people_type(
    db: Database, owner: Actor, query: str, is_found: bool
) -> None:
    content = {
        "summary": "Full-time, likes résumés, worked at O'Reilly as 工程师.",
        "skills": {"technical": ["Python", "R"]},
    }
    add(db, owner, "Data Engineer", content)
    assert titles(db, owner, query) == (["Data Engineer"] if is_found else [])


@pytest.mark.parametrize(
    ("query", "parsed"),
    [
        ("engin", "'engin':*"),
        ("soft eng", "'soft':* & 'eng':*"),
        ('"Go" lang', "'go' & 'lang':*"),
        ('"unclosed phra', "'unclosed' <-> 'phra'"),
        ("-full-time dev", "!( 'full-time' <-> 'full' <-> 'time' ) & 'dev':*"),
        ('java -"a b" or xy', "'java':* & !( 'a' <-> 'b' ) | 'xy':*"),
        ("C r", "'c' & 'r'"),
        ("or", "'or':*"),
        ("a:b:* & (drop | !table)", "'a' & 'b' & 'drop':* & 'table':*"),
        ("'; drop table x; --", "'drop':* & 'table':* & 'x'"),
        (r"\ ' \' '' <-> back\slash", "'back':* <-> 'slash':*"),
        ("http://x/it's!'\"", "'http':* & '/x/it':* <-> 's'"),
    ],
)
def test_search_query__turns_any_text_into_a_well_formed_query(
    db: Database, owner: Actor, query: str, parsed: str
) -> None:
    assert db.value(owner, "select private.search_query(%s)::text", query) == parsed


@pytest.mark.parametrize(
    "query", [None, "", "   ", '"', '""', "-", "!!", "&|()<->:*", "😀", "\t\n", "'", "\\", "%_"]
)
def test_search_without_a_word__finds_nothing(
    db: Database, owner: Actor, query: str | None
) -> None:
    add(db, owner, "Engineer")
    assert db.value(owner, "select private.search_query(%s)", query) is None
    assert search(db, owner, query) == []


def test_search__has_a_longest_query(db: Database, owner: Actor) -> None:
    add(db, owner, "a" * 200)
    assert len(search(db, owner, ("a" * 99 + " ") * 5)) == 1
    for query in ("a" * 501, "' & | " * 2000):
        with refused("PT400", match="500 are possible"):
            search(db, owner, query)


def test_title__counts_more_than_skills_than_content_than_file(db: Database, owner: Actor) -> None:
    add(db, owner, "file", text="python")
    add(db, owner, "content", {"summary": "python"})
    add(db, owner, "skills", {"skills": {"technical": ["Python"]}})
    add(db, owner, "Python")
    assert titles(db, owner, "python") == ["Python", "skills", "content", "file"]
    ranks = [row["rank"] for row in search(db, owner, "python")]
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == 4


def test_equal_matches__come_latest_first(db: Database, owner: Actor) -> None:
    for year in (2021, 2023, 2022):
        resume = add(db, owner, f"Engineer {year}")
        db.query(SYSTEM, "alter table public.resumes disable trigger _100_set_updated_at")
        sql = "update public.resumes set updated_at = %s where id = %s"
        db.query(SYSTEM, sql, f"{year}-01-01", resume)
        db.query(SYSTEM, "alter table public.resumes enable trigger _100_set_updated_at")
    latest_first = ["Engineer 2023", "Engineer 2022", "Engineer 2021"]
    assert titles(db, owner, "engineer") == latest_first
    assert titles(db, owner, "engineer", 2) == latest_first[:2]
    assert titles(db, owner, "engineer", 2, 2) == latest_first[2:]
    assert titles(db, owner, "engineer", None, None) == latest_first
    assert titles(db, owner, "engineer", -5, -5) == latest_first[:1]
    assert titles(db, owner, "engineer", 2, 5) == []


def test_page__has_at_most_a_hundred_rows(db: Database, owner: Actor) -> None:
    db.query(
        SYSTEM,
        "insert into public.resumes (user_id, title) "
        "select %s, 'Engineer ' || i from generate_series(1, 101) i",
        owner.user_id,
    )
    assert len(search(db, owner, "engineer")) == 20
    assert len(search(db, owner, "engineer", 1000)) == 100
    assert len(search(db, owner, "engineer", 1000, 100)) == 1


def test_search__never_shows_the_trash_or_other_peoples(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    kept, trashed = add(db, owner, "Engineer"), add(db, owner, "Engineer in the trash")
    add(db, stranger, "Engineer elsewhere")
    assert len(search(db, owner, "engineer")) == 2
    db.query(owner, "select public.trash_resume(%s)", trashed)
    assert [row["id"] for row in search(db, owner, "engineer")] == [kept]
    assert titles(db, stranger, "engineer") == ["Engineer elsewhere"]
    assert search(db, admin, "engineer") == []
    assert search(db, Actor("nobody", "authenticated", uuid4()), "engineer") == []
    # Whatever the other words say.
    assert [row["id"] for row in search(db, owner, "-nothing")] == [kept]


def test_search__is_for_signed_in_users(db: Database) -> None:
    for actor in (ANON, SERVICE):
        with refused("42501", match=NO_GRANT):
            search(db, actor, "engineer")


def test_blocked_account__may_still_search(db: Database, owner: Actor) -> None:
    add(db, owner, "Engineer")
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    assert titles(db, owner, "engineer") == ["Engineer"]


def test_edit__is_found_at_once(db: Database, owner: Actor) -> None:
    add(db, owner, "Engineer")
    assert titles(db, owner, "nurse") == []
    db.query(owner, "update public.resumes set title = 'Nurse'")
    assert titles(db, owner, "nurse") == ["Nurse"]
    assert titles(db, owner, "engineer") == []


def test_headline__marks_the_words_and_holds_no_markup(db: Database, owner: Actor) -> None:
    evil = "<img src=x onerror=alert(1)> ⟦not a match⟧ senior engineer <script>alert(2)</script>"
    add(db, owner, "CV", {"summary": evil, "meta": {"x": "secret engineer"}}, "<b>engineer</b> too")
    headline = search(db, owner, "engin")[0]["headline"]
    assert "⟦engineer⟧" in headline
    assert "⟦not" not in headline
    assert "secret" not in headline
    assert not set("<>") & set(headline)


def test_headline_of_a_match_in_the_title__is_the_beginning(db: Database, owner: Actor) -> None:
    add(db, owner, "Engineer", {"summary": "One two three."})
    assert search(db, owner, "engin")[0]["headline"] == "One two three."
    db.query(owner, "update public.resumes set content = '{}'")
    assert search(db, owner, "engin")[0]["headline"] == ""


def test_columns__are_the_documented_ones(db: Database, owner: Actor) -> None:
    add(db, owner, "Engineer")
    (row,) = search(db, owner, "engineer")
    assert list(row) == ["id", "title", "status", "updated_at", "rank", "headline"]
    assert row["status"] == "draft"


def test_row_of_minus_signs__is_a_bad_request(db: Database, owner: Actor) -> None:
    assert titles(db, owner, "--- engineer") == []
    for query in ("-" * 100 + "x", "-(" * 100 + "x"):
        with refused("PT400", match="minus"):
            search(db, owner, query)


def test_lists_in_lists__take_no_longer_than_their_texts(db: Database, owner: Actor) -> None:
    # Copied with each list around it, this text would be some hundred megabytes long.
    deep = '{"skills": {"technical": ' + "[" * 2000 + f'"{"w" * 200000}"' + "]" * 2000 + "}}"
    db.query(SYSTEM, "set local statement_timeout = '5s'")
    sql = (
        "select min(length(private.resume_text(%s::jsonb || jsonb_build_object('n', n), null))) "
        "from generate_series(1, 20) as n"
    )
    assert db.value(owner, sql, deep) == 200000
    insert = "insert into public.resumes (content) select %s from generate_series(1, 20)"
    db.query(owner, insert, deep)
    assert db.query(owner, "select id from public.find_resumes_by_skill('go')") == []


def test_skill__is_found_in_every_list_and_as_a_whole(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    skills = {"technical": ["Python"], "soft": ["Calm"], "tools": ["Git"]}
    imported = {"technical": ["Go"], "groups": [{"name": "Languages", "keywords": ["Go"]}]}
    for title, listed in (("A", skills), ("B", imported), ("C", {})):
        add(db, owner, title, {"skills": listed, "summary": "Rust"})
    add(db, owner, "D")
    sql = "select title from public.find_resumes_by_skill(%s)"
    wanted: dict[str, str] = {"python": "A", " CALM ": "A", "git": "A", "Go": "B"}
    for skill, title in wanted.items():
        assert db.query(owner, sql, skill) == [{"title": title}], skill
        assert db.query(stranger, sql, skill) == db.query(admin, sql, skill) == []
    for nothing in ("Pyth", "Languages", "Rust", "", "%", None):
        assert db.query(owner, sql, nothing) == [], nothing
    db.query(owner, "select public.trash_resume(id) from public.resumes where title = 'A'")
    assert db.query(owner, sql, "python") == []
    for actor in (ANON, SERVICE):
        with refused("42501", match=NO_GRANT):
            db.query(actor, sql, "python")


def test_resumes_with_a_skill__come_latest_first(db: Database, owner: Actor) -> None:
    db.query(SYSTEM, "alter table public.resumes disable trigger _100_set_updated_at")
    for year in (2021, 2023, 2022):
        resume = add(db, owner, str(year), {"skills": {"technical": ["Go"]}})
        sql = "update public.resumes set updated_at = %s where id = %s"
        db.query(SYSTEM, sql, f"{year}-01-01", resume)
    found = db.query(owner, "select title from public.find_resumes_by_skill('go')")
    assert [row["title"] for row in found] == ["2023", "2022", "2021"]


def plan(db: Database, sql: str, *values: object) -> str:
    db.query(SYSTEM, "set local enable_seqscan = off")
    return "\n".join(r["QUERY PLAN"] for r in db.query(SYSTEM, f"explain {sql}", *values))


def test_skill_filter_of_the_data_api__uses_its_index(db: Database, owner: Actor) -> None:
    add(db, owner, "Pythonista", {"skills": {"technical": ["Python", "Go"], "soft": ["Calm"]}})
    add(db, owner, "Gopher", {"skills": {"technical": ["Go"]}})
    add(db, owner, "Quiet", {"skills": {"soft": ["Python"]}})
    # What PostgREST makes of ?content->skills=cs.{"technical":["Python"]}
    sql = (
        'select title from "public"."resumes" '
        """where "public"."resumes"."content"->'skills' @> '{"technical": ["Python"]}'"""
    )
    assert "resumes_skills_idx" in plan(db, sql)
    assert db.query(owner, sql) == [{"title": "Pythonista"}]


def test_words__have_an_index(db: Database) -> None:
    sql = "select id from public.resumes where search @@ private.search_query('engin')"
    assert "resumes_search_idx" in plan(db, sql)
