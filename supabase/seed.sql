-- The catalogue that a new installation needs. Applying it again changes nothing, and it never
-- overwrites what an operator has changed.

insert into public.plans (code, name, tier_rank, description)
values ('free', 'Free', 0, 'Five AI actions to try everything.')
on conflict do nothing;

insert into public.operations (code, meters, description)
values ('resume_parse', '{ai_actions}', 'Read an uploaded résumé file.')
on conflict do nothing;

insert into public.plan_limits (plan_code, meter, period, max_uses)
values ('free', 'ai_actions', 'lifetime', 5)
on conflict do nothing;
