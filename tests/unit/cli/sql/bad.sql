-- Each statement breaks one rule of .sqlfluff; the name of the rule stands at the end of its line.
SELECT a.id from public.a; -- capitalisation.keywords
select a.ID from public.a; -- capitalisation.identifiers
select COUNT(*) as n from public.a; -- capitalisation.functions
select NULL as nothing; -- capitalisation.literals
create table public.b (id TEXT); -- capitalisation.types
select cast(a.id as text) as id, a.b::text from public.a; -- convention.casting_style
select a.id from public.a where a.id != 1; -- convention.not_equal
select a.id ,a.b from public.a; -- layout.spacing
select 'far too long a line of SQL, which goes on and on' as one, 'and on' as two, 'and on' as three; -- layout.long_lines
select
    a.id
    , a.b -- layout.commas
from public.a;
create function private.f() returns void language plpgsql as $$
begin
    RETURN; -- capitalisation.keywords
    perform 'far too long a line of a function body, which goes on and on', 'and on', 'and on', 'on'; -- layout.long_lines
	perform 1; -- layout.indent
    perform 2; -- 'layout.spacing' 
end;
$$;
select a.id from public.a -- convention.terminator
