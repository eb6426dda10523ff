"""Rules for policies and functions."""

from rlstests.catalogue_queries import Rule, a_function, of_functions, of_policies

# A user id on one side, whichever way it is written.
A_USER = r"\(?\s*(select\s+)?(auth\.uid\(\)|[a-z_.]*user_id|[a-z_.]*owner_id)"
LOOSE = rf"(<>|!=)\s*{A_USER}|{A_USER}\s*(as uid\s*)?\)?\s*(<>|!=)"
ASKS_WHO = r"private\.require_|auth\.uid\(\)|private\.is_admin\(\)"
FOR_USERS = "has_function_privilege('authenticated', p.oid, 'execute')"

# Without arguments, or with a literal: nothing that differs from row to row.
WRAPPED = r"\( ?SELECT (auth|private)\.\w+\((''[\w-]+''::text)?\) AS \w+\)"

POLICY_RULES = (
    Rule(
        "a policy that is not named after table, command and actor",
        of_policies(
            "not case when schemaname = 'storage' "
            "then policyname ~ ('^[a-z_]+_bucket_' || lower(cmd) || '_[a-z_]+$') "
            "when cmd = 'ALL' then is_closing and rule = 'false false' "
            "else policyname ~ ('^' || tablename || '_' || lower(cmd) || '_[a-z_]+$') end"
        ),
        "create policy mine on public.plans for select to authenticated using (true);",
    ),
    Rule(
        "a policy that does not name its role",
        of_policies("not is_closing and not roles <@ '{anon,authenticated}'::name[]"),
        "create policy plans_select_all on public.plans for select using (true);",
    ),
    Rule(
        "a policy for UPDATE without a check of the new row",
        of_policies("cmd = 'UPDATE' and with_check is null"),
        "create policy plans_update_all on public.plans for update to authenticated using (true);",
    ),
    Rule(
        "a policy for new rows that forgets accounts that are not active",
        of_policies(
            "cmd in ('INSERT', 'UPDATE') and with_check !~ 'private\\.is_active_user\\(\\)'"
        ),
        "create policy plans_insert_all on public.plans for insert to authenticated "
        "with check (code = 'mine');",
    ),
    Rule(
        # Postgres evaluates a bare auth.uid() for every row; inside a sub-select it is an InitPlan.
        "a policy that asks for the caller once per row",
        of_policies(f"regexp_replace(rule, '{WRAPPED}', '', 'g') ~ '(auth|private)\\.'"),
        "create policy plans_select_slow on public.plans for select to authenticated "
        "using (auth.uid() is not null);",
    ),
    Rule(
        "a policy that says <> of a user id, which lets null through or not as it happens",
        of_policies(f"rule ~* '{LOOSE}'"),
        "create policy usage_events_select_others on public.usage_events for select "
        "to authenticated using (user_id <> (select auth.uid()));",
    ),
)

FUNCTION_RULES = (
    Rule(
        "a function that does not pin its search_path",
        of_functions("not coalesce(p.proconfig, '{}') @> array['search_path=\"\"']"),
        a_function("private.bad()", more="volatile"),
    ),
    Rule(
        "a function of public with the rights of its owner",
        of_functions("p.pronamespace = 'public'::regnamespace and p.prosecdef"),
        a_function("public.bad()"),
    ),
    Rule(
        "a function for users that takes a user id",
        of_functions(
            f"p.prosecdef and {FOR_USERS} and (p.proargnames[1:p.pronargs])::text ~ 'user'"
        ),
        a_function("private.bad(p_user_id uuid)"),
    ),
    Rule(
        "a function for users that takes the id of a row and does not ask who calls",
        of_functions(
            f"p.prosecdef and {FOR_USERS} and p.prosrc !~ '{ASKS_WHO}' "
            "and p.proargtypes::oid[] && '{uuid,uuid[]}'::regtype[]::oid[]"
        ),
        a_function("private.bad(p_id uuid)"),
    ),
    Rule(
        "a function for users that writes and does not ask for an active account",
        of_functions(
            f"p.prosecdef and p.provolatile = 'v' and {FOR_USERS} "
            "and not has_function_privilege('anon', p.oid, 'execute') "
            "and p.prosrc !~ 'private\\.require_'"
        ),
        a_function("private.bad()", body="perform auth.uid();"),
    ),
    Rule(
        "a function that says <> of a user id, which is null for nobody",
        of_functions(f"p.prosrc ~* '{LOOSE}'"),
        a_function("private.bad()", body="if auth.uid() <> null then return 2; end if;"),
    ),
    Rule(
        "a trigger function that is not named tg_<table>__<what> in private",
        of_functions(
            "p.prorettype = 'trigger'::regtype and not ("
            "p.pronamespace = 'private'::regnamespace "
            "and p.proname ~ '^tg_([a-z_]+__[a-z_]+|audit|lock_account|set_updated_at)$')"
        ),
        "create function private.stamp() returns trigger language plpgsql as "
        "$$ begin return new; end $$;",
    ),
    Rule(
        "a task kind that nothing listens to",
        "select kind as name from queue.task_kinds "
        "where to_regprocedure(format('private.on_%s(queue.tasks, text, jsonb)', kind)) is null",
        "insert into queue.task_kinds (kind, description) values ('bad', 'Bad.');",
    ),
)
