"""Mutants inside functions: one condition, guard or call taken out of the body.

They are found by pattern in the text of the function, so they see what our house style writes:
`user_id = v_user_id`, `deleted_at is null`, `if … then raise`.
"""

import re
from collections.abc import Iterator, Mapping

DEFINITIONS = """
select p.oid::pg_catalog.regprocedure::text, p.proname, pg_catalog.pg_get_functiondef(p.oid)
from pg_catalog.pg_proc p
inner join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.nspname = any(%(rooms)s) and p.prokind in ('f', 'p')
    and not exists (select 1 from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""

_IF = r"(?P<keep>\b(?:where|and|or)\s+\(?)"
_CALLER = r"(?:v_user_id|p_user_id|p_task\.user_id|auth\.uid\(\)|\(\s*select auth\.uid\(\)\s*\))"

# The kind, what it looks for, and what it puts there; "keep" is kept in front.
_PATTERNS = {
    "body-owner": (
        rf"{_IF}(?:\w+\.)?(?:user_id|owner_id|id)\s*(?:=|is not distinct from)\s*{_CALLER}",
        "true",
    ),
    "body-trash": (rf"{_IF}(?:\w+\.)?deleted_at is null\b", "true"),
    "body-public": (rf"{_IF}(?:\w+\.)?is_public\b(?!\s*=)", "true"),
    "body-signed-in": (r"(?P<keep>)\bprivate\.require_user\(\)", "auth.uid()"),
    "body-active": (r"(?P<keep>)\bprivate\.is_active_user\(\)", "true"),
    "body-admin": (r"(?P<keep>)\bprivate\.is_admin\(\)", "true"),
    "body-rate": (r"(?P<keep>)\bperform private\.(?:limit_rate|check_rate_limit)\([^;]*;", "null;"),
    "body-guard": (
        r"(?P<keep>(?<!end )\bif )(?:(?!\bthen\b|;).)+?"
        r"(?= then\s+(?:--[^\n]*\s+)*(?:raise\b|perform private\.raise_))",
        "false",
    ),
}
KINDS = tuple(_PATTERNS)
# What matters to a session only while another works is not weakened: the tests of races look at
# it, and most runs would not show it.
_ABOUT_RACES = frozenset({"lock_account", "lock_leased_task"})


def weakened(name: str, definition: str) -> Iterator[tuple[str, str, str]]:
    """Yield kind, detail (`#1` for the first such place) and the function without that part."""
    if name in _ABOUT_RACES:
        return
    head, quote, body = definition.partition("$function$")
    for kind, (pattern, replacement) in _PATTERNS.items():
        places = re.finditer(pattern, body, re.DOTALL | re.IGNORECASE)
        for number, place in enumerate(places, start=1):
            before, after = body[: place.start()], body[place.end() :]
            changed = f"{before}{place['keep']}{replacement}{after}"
            yield kind, f"#{number}", f"{head}{quote}{changed}"


def callers(definitions: Mapping[str, str]) -> dict[str, set[str]]:
    """Return, for each function, those that call it, directly or through others."""
    words = {name: set(re.findall(r"\w+", text)) for name, text in definitions.items()}
    direct = {name: {n for n in words if n != name and name in words[n]} for name in words}
    found: dict[str, set[str]] = {}
    for name in direct:
        reached, todo = set[str](), [name]
        while todo:
            fresh = direct[todo.pop()] - reached
            reached |= fresh
            todo += fresh
        found[name] = reached - {name}
    return found
