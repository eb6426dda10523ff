-- The catalogue that a new installation needs. Applying it again changes nothing, and it never
-- overwrites what an operator has changed.

-- metering: plans -------------------------------------------------------------------------------

insert into public.plans (code, name, tier_rank, max_resumes, description)
values
('free', 'Free', 0, 3, 'Five AI actions to try everything.'),
('starter', 'Starter', 10, 10, 'One interview a month and a hundred AI actions.'),
('pro', 'Pro', 20, 25, 'Ten interviews a month and five hundred AI actions.'),
('career', 'Career', 30, 50, 'Thirty interviews and three cover letters a month.'),
('premium', 'Premium', 40, null, 'AI writing and analysis without limits, ten interviews.'),
('coach', 'Coach', 50, null, 'Everything without limits, for people who coach others.'),
('unlimited', 'Unlimited', 60, null, 'Everything without limits.')
on conflict do nothing;

-- metering: operations --------------------------------------------------------------------------
-- Every limit of the plan on any meter of an operation applies. token_cost is the price when the
-- plan allows no more.

insert into public.operations (code, meters, token_cost, description)
values
('resume_parse', '{ai_actions}', 5, 'Read an uploaded résumé file.'),
('job_extract', '{ai_actions}', 5, 'Read the requirements out of a job description.'),
('ats_score', '{ai_actions,analyses}', 10, 'Score a résumé as an applicant tracking system does.'),
('keyword_match', '{ai_actions,analyses}', 10, 'Compare the keywords of a résumé and a job.'),
('match', '{ai_actions,analyses}', 10, 'Score how well a résumé fits a job.'),
('full_analysis', '{ai_actions,analyses}', 20, 'All analyses of a résumé and a job at once.'),
('optimization', '{ai_actions,analyses}', 20, 'Make a variant of a résumé for a job.'),
('cover_letter', '{ai_actions,cover_letters}', 10, 'Write a cover letter.'),
('answer', '{ai_actions}', 5, 'Answer a question of an application form.'),
('outreach', '{ai_actions}', 5, 'Write a message to a recruiter.'),
('summary', '{ai_actions}', 5, 'Write the summary of a résumé.'),
('bullets', '{ai_actions}', 5, 'Turn an answer into bullet points.'),
('interview', '{interviews}', 25, 'Practise an interview, with feedback.'),
('transcript', '{transcripts}', 5, 'Write down what was said in a recording.'),
('generation', '{generations}', 0, 'Render a résumé as PDF, Word, LaTeX or Overleaf.')
on conflict do nothing;

-- metering: limits ------------------------------------------------------------------------------
-- A plan without a limit for any meter of an operation does not include it. Null means unlimited.

insert into public.plan_limits (plan_code, meter, period, max_uses)
values
('free', 'ai_actions', 'lifetime', 5),
('free', 'analyses', 'day', 3),
('free', 'interviews', 'month', 0),
('free', 'transcripts', 'month', 0),
('free', 'generations', 'day', 10),
('starter', 'ai_actions', 'month', 100),
('starter', 'analyses', 'day', 10),
('starter', 'interviews', 'month', 1),
('starter', 'cover_letters', 'month', 0),
('starter', 'transcripts', 'month', 30),
('starter', 'generations', 'day', 50),
('pro', 'ai_actions', 'month', 500),
('pro', 'analyses', 'day', 50),
('pro', 'interviews', 'month', 10),
('pro', 'cover_letters', 'month', 0),
('pro', 'transcripts', 'month', 300),
('pro', 'generations', 'day', 100),
('career', 'ai_actions', 'month', 1000),
('career', 'analyses', 'day', 100),
('career', 'interviews', 'month', 30),
('career', 'cover_letters', 'month', 3),
('career', 'transcripts', 'month', 900),
('career', 'generations', 'day', 200),
('premium', 'ai_actions', 'month', null),
('premium', 'interviews', 'month', 10),
('premium', 'transcripts', 'month', 300),
('premium', 'generations', 'day', null),
('coach', 'ai_actions', 'month', null),
('coach', 'interviews', 'month', null),
('coach', 'cover_letters', 'month', null),
('coach', 'transcripts', 'month', null),
('coach', 'generations', 'day', null),
('unlimited', 'ai_actions', 'month', null),
('unlimited', 'interviews', 'month', null),
('unlimited', 'cover_letters', 'month', null),
('unlimited', 'transcripts', 'month', null),
('unlimited', 'generations', 'day', null)
on conflict do nothing;

-- metering: prices ------------------------------------------------------------------------------
-- The provider_price_id of each is a name for local use: put the ids of your own accounts in their
-- place. Amounts are in minor units.

insert into public.plan_prices
(plan_code, interval, provider, provider_price_id, amount, currency)
select p.plan_code, p.interval, o.provider,
    format('plan_local_%s_%s', p.plan_code, p.interval), o.amount, o.currency
from (
    values
    ('starter', 'month', 19900, 500),
    ('starter', 'year', 199000, 5000),
    ('pro', 'month', 49900, 1200),
    ('pro', 'year', 499000, 12000),
    ('career', 'month', 99900, 2400),
    ('career', 'year', 999000, 24000),
    ('premium', 'month', 149900, 3600),
    ('premium', 'year', 1499000, 36000),
    ('coach', 'month', 299900, 7200),
    ('coach', 'year', 2999000, 72000),
    ('unlimited', 'month', 499900, 12000),
    ('unlimited', 'year', 4999000, 120000)
) as p (plan_code, interval, paise, cents)
cross join lateral (
    values ('razorpay', p.paise, 'INR'), ('stripe', p.cents, 'USD')
) as o (provider, amount, currency)
on conflict do nothing;

insert into public.token_packs (code, name, tokens, description)
values
('small', '100 tokens', 100, 'Ten résumé scans.'),
('medium', '300 tokens', 300, 'Thirty résumé scans, or twelve interviews.'),
('large', '1000 tokens', 1000, 'A hundred résumé scans, or forty interviews.')
on conflict do nothing;

insert into public.token_pack_prices (pack_code, provider, provider_price_id, amount, currency)
values
('small', 'razorpay', 'pack_local_small', 9900, 'INR'),
('small', 'stripe', 'pack_local_small', 200, 'USD'),
('medium', 'razorpay', 'pack_local_medium', 24900, 'INR'),
('medium', 'stripe', 'pack_local_medium', 500, 'USD'),
('large', 'razorpay', 'pack_local_large', 69900, 'INR'),
('large', 'stripe', 'pack_local_large', 1500, 'USD')
on conflict do nothing;

-- templates -------------------------------------------------------------------------------------

-- ai: model prices ------------------------------------------------------------------------------

-- interviews: interviewers ----------------------------------------------------------------------

-- platform: configuration -----------------------------------------------------------------------

-- privacy: retention ----------------------------------------------------------------------------
