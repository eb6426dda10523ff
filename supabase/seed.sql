-- The catalogue that a new installation needs. Applying it again changes nothing, and it never
-- overwrites what an operator has changed.

-- metering: plans -------------------------------------------------------------------------------

insert into public.plans (code, name, tier_rank, max_resumes, description)
values
('free', 'Free', 0, 10, 'Five AI actions to try everything.'),
('starter', 'Starter', 10, 25, 'One interview a month and a hundred AI actions.'),
('pro', 'Pro', 20, 50, 'Ten interviews a month and five hundred AI actions.'),
('career', 'Career', 30, 100, 'Thirty interviews and three cover letters a month.'),
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
select s.plan_code, s.meter, s.period, s.max_uses
from (
    values
    ('free', 'ai_actions', 'lifetime', 5),
    ('free', 'analyses', 'day', 3),
    -- Bounded by ai_actions alone, and counted for usage_tracking.
    ('free', 'cover_letters', 'month', null),
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
    ('premium', 'cover_letters', 'month', null),
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
) as s (plan_code, meter, period, max_uses)
-- An operator may have chosen another period.
where not exists (
    select 1 from public.plan_limits l where l.plan_code = s.plan_code and l.meter = s.meter
)
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
-- An operator may have stopped selling it, or sell it in another currency.
where not exists (
    select 1 from public.plan_prices e
    where e.plan_code = p.plan_code and e.interval = p.interval and e.provider = o.provider
)
on conflict do nothing;

insert into public.token_packs (code, name, tokens, description)
values
('small', '100 tokens', 100, 'Ten résumé scans.'),
('medium', '300 tokens', 300, 'Thirty résumé scans, or twelve interviews.'),
('large', '1000 tokens', 1000, 'A hundred résumé scans, or forty interviews.')
on conflict do nothing;

insert into public.token_pack_prices (pack_code, provider, provider_price_id, amount, currency)
select s.pack_code, s.provider, format('pack_local_%s', s.pack_code), s.amount, s.currency
from (
    values
    ('small', 'razorpay', 9900, 'INR'),
    ('small', 'stripe', 200, 'USD'),
    ('medium', 'razorpay', 24900, 'INR'),
    ('medium', 'stripe', 500, 'USD'),
    ('large', 'razorpay', 69900, 'INR'),
    ('large', 'stripe', 1500, 'USD')
) as s (pack_code, provider, amount, currency)
where not exists (
    select 1 from public.token_pack_prices e
    where e.pack_code = s.pack_code and e.provider = s.provider
)
on conflict do nothing;

-- templates -------------------------------------------------------------------------------------
-- Beside what the CHECK asks for, each design says: fonts.baseSize; colors secondary, text and
-- background; spacing.sectionGap; headings {style, transform}: rule, bar or plain, and none,
-- uppercase or small-caps; bullets: disc or dash; and with two columns, columns {ratio, side}: main
-- to side, and the sections that go there. personalInfo goes across the page. Sections that
-- sectionOrder does not name follow it, in the main column.

insert into public.resume_templates (
    owner_id, type, name, slug, category, description, layout, is_public, is_premium, ats_score,
    design
)
values
(
    null, 'built_in', 'Classic', 'classic', 'classic',
    'One column and serif type: what every reader and every system expects.',
    'single_column', true, false, 98,
    '{"fonts": {"heading": "Libertinus Serif", "body": "Libertinus Serif", "baseSize": "11pt"},
   "colors": {"primary": "#1f2937", "secondary": "#4b5563", "text": "#111827",
     "background": "#ffffff"},
   "sectionOrder": ["personalInfo", "summary", "experience", "education",
     "skills", "projects", "certifications"],
   "spacing": {"margins": "1in", "lineHeight": 1.4, "sectionGap": "14pt"},
   "headings": {"style": "rule", "transform": "none"}, "bullets": "disc"}'
),
(
    null, 'built_in', 'Modern', 'modern', 'modern',
    'Sans serif with a touch of colour; the facts come first.',
    'single_column', true, false, 95,
    '{"fonts": {"heading": "Lato", "body": "Lato", "baseSize": "10.5pt"},
   "colors": {"primary": "#2c3e50", "secondary": "#3498db", "text": "#222222",
     "background": "#ffffff"},
   "sectionOrder": ["personalInfo", "summary", "experience", "education",
     "skills", "projects", "certifications"],
   "spacing": {"margins": "0.9in", "lineHeight": 1.45, "sectionGap": "14pt"},
   "headings": {"style": "bar", "transform": "uppercase"}, "bullets": "disc"}'
),
(
    null, 'built_in', 'Tech', 'tech', 'tech',
    'Skills and projects before history, for engineers.',
    'two_column', true, false, 88,
    '{"fonts": {"heading": "Inter", "body": "Inter", "baseSize": "10pt"},
   "colors": {"primary": "#0f172a", "secondary": "#0ea5e9", "text": "#1e293b",
     "background": "#ffffff"},
   "sectionOrder": ["personalInfo", "summary", "skills", "experience",
     "projects", "education", "certifications"],
   "spacing": {"margins": "0.75in", "lineHeight": 1.4, "sectionGap": "12pt"},
   "columns": {"ratio": [2, 1], "side": ["skills", "certifications", "education"]},
   "headings": {"style": "plain", "transform": "none"}, "bullets": "dash"}'
),
(
    null, 'built_in', 'Executive', 'executive', 'executive',
    'Wide margins and quiet type, for people who lead.',
    'single_column', true, true, 93,
    '{"fonts": {"heading": "Playfair Display", "body": "Lato", "baseSize": "11pt"},
   "colors": {"primary": "#1a2a3a", "secondary": "#8c6d31", "text": "#1f2933",
     "background": "#ffffff"},
   "sectionOrder": ["personalInfo", "summary", "experience", "certifications",
     "education", "skills"],
   "spacing": {"margins": "1.1in", "lineHeight": 1.5, "sectionGap": "18pt"},
   "headings": {"style": "rule", "transform": "small-caps"}, "bullets": "disc"}'
),
(
    null, 'built_in', 'Academic', 'academic', 'academic',
    'Education and publications first; runs over as many pages as it needs.',
    'single_column', true, false, 96,
    '{"fonts": {"heading": "Libertinus Serif", "body": "Libertinus Serif", "baseSize": "11pt"},
   "colors": {"primary": "#1b1b1b", "secondary": "#7a1f1f", "text": "#1b1b1b",
     "background": "#ffffff"},
   "sectionOrder": ["personalInfo", "summary", "education", "publications",
     "experience", "awards", "projects", "skills", "languages", "references"],
   "spacing": {"margins": "1in", "lineHeight": 1.35, "sectionGap": "12pt"},
   "headings": {"style": "rule", "transform": "none"}, "bullets": "disc"}'
),
(
    null, 'built_in', 'Compact', 'compact', 'compact',
    'Two columns and small type: ten years on one page.',
    'two_column', true, true, 84,
    '{"fonts": {"heading": "Source Sans 3", "body": "Source Sans 3", "baseSize": "9.5pt"},
   "colors": {"primary": "#14532d", "secondary": "#16a34a", "text": "#1c1917",
     "background": "#ffffff"},
   "sectionOrder": ["personalInfo", "summary", "experience", "skills",
     "education", "projects", "certifications", "languages"],
   "spacing": {"margins": "0.5in", "lineHeight": 1.2, "sectionGap": "8pt"},
   "columns": {"ratio": [7, 4], "side": ["skills", "education", "certifications", "languages"]},
   "headings": {"style": "plain", "transform": "uppercase"}, "bullets": "disc"}'
)
on conflict do nothing;

-- ai: model prices ------------------------------------------------------------------------------
-- US dollars per million tokens, as the providers published them; effective_from is the day a price
-- came into force or, where the provider does not say, the day it was read. Some charge more for
-- very long prompts: here is the price of the others, a résumé and a job never get that long.

insert into public.model_prices
(provider, model, effective_from, input_price, output_price, cached_price)
values
('gemini', 'gemini-3.8-flash', '2026-09-20', 0.75, 3.75, 0.075),
-- The offer of its first months ends with the year.
('gemini', 'gemini-3.8-flash', '2027-01-01', 1.50, 7.50, 0.15),
('gemini', 'gemini-3.5-flash-lite', '2026-07-21', 0.30, 2.50, 0.03),
('claude', 'claude-opus-5-5', '2026-09-22', 4.00, 20.00, 0.20),
('claude', 'claude-sonnet-5-5', '2026-09-28', 2.00, 10.00, 0.20),
('claude', 'claude-sonnet-5-5', '2026-10-07', 2.00, 10.00, 0.10),
('claude', 'claude-haiku-5-5', '2026-10-07', 0.10, 0.50, 0.01),
('openai', 'gpt-6.1-sol', '2026-09-29', 2.00, 10.00, 0.10),
('openai', 'gpt-6.1-terra', '2026-10-26', 1.00, 5.00, 0.05),
('openai', 'gpt-6-luna', '2026-09-22', 0.10, 0.50, 0.01),
('openrouter', 'openai/gpt-6.1-terra', '2026-10-26', 1.00, 5.00, null),
('openrouter', 'meta-llama/llama-3.3-70b-instruct', '2026-11-20', 0.10, 0.32, null),
('offline', 'offline', '2026-01-01', 0, 0, 0)
on conflict do nothing;

-- interviews: interviewers ----------------------------------------------------------------------

insert into public.interviewers
(id, name, title, company, experience, specialty, description)
values
(
    '5eed0000-0000-4000-8000-000000000101', 'Maya Okafor', 'Engineering Manager',
    'Northwind Systems', '12+ years', 'Software engineering',
    'Asks how you design, test and run software, and wants the trade-offs you made spelled out.'
),
(
    '5eed0000-0000-4000-8000-000000000102', 'Daniel Reyes', 'Head of Product',
    'Lumen & Pine', '10+ years', 'Product management',
    'Starts from a user''s problem and follows how you decide, measure and say no.'
),
(
    '5eed0000-0000-4000-8000-000000000103', 'Priya Raman', 'Principal Data Scientist',
    'Tidewater Analytics', '9+ years', 'Data and machine learning',
    'Mixes statistics with practice: messy data, doubtful metrics, models that age.'
),
(
    '5eed0000-0000-4000-8000-000000000104', 'Helen Fischer', 'Talent Partner',
    'Brightwater Group', '15+ years', 'Behavioural questions',
    'The first conversation with a recruiter: your path, your motives, how you work with others.'
),
(
    '5eed0000-0000-4000-8000-000000000105', 'Tom Adeyemi', 'Sales Director',
    'Cobalt Trade', '11+ years', 'Sales and customer success',
    'Plays the sceptical customer, then asks for the numbers behind your best year.'
),
(
    '5eed0000-0000-4000-8000-000000000106', 'Sofia Lindqvist', 'Chief Operating Officer',
    'Meridian Health', '20+ years', 'Leadership',
    'Asks leaders about hard decisions, about people they let down, and what they learned.'
)
on conflict do nothing;

-- platform: configuration -----------------------------------------------------------------------
-- Every key that the database reads; each has a default in the code, so a missing one does no harm.
-- Those that begin with ai_ are for the workers. The plan without a subscription is always free.
-- How long rows are kept is in retention_policies, below.

insert into public.global_config (key, value, description)
values
('billing_grace_days', '7', 'Days that a past due subscription keeps its access.'),
(
    'billing_renewal_leeway_hours', '6',
    'Hours that a subscription keeps its access while its renewal is on the way.'
),
('ai_cache_ttl_seconds', '86400', 'How long an answer of an AI provider may be used again.'),
(
    'ai_models',
    '{
        "gemini": "gemini-3.8-flash",
        "claude": "claude-sonnet-5-5",
        "openai": "gpt-6.1-terra",
        "openrouter": "openai/gpt-6.1-terra",
        "offline": "offline"
    }',
    'The model that is asked at each provider; model_prices has what it costs.'
),
(
    'ai_provider_order', '["gemini", "claude", "openai", "openrouter", "offline"]',
    'Providers in the order in which they are asked, when a user prefers none.'
),
(
    'rate_limits',
    '{
        "analysis": {"limit": 20, "seconds": 60},
        "bullets": {"limit": 20, "seconds": 60},
        "cancel_subscription": {"limit": 5, "seconds": 600},
        "checkout": {"limit": 10, "seconds": 600},
        "document": {"limit": 20, "seconds": 60},
        "download": {"limit": 60, "seconds": 60},
        "duplicate": {"limit": 30, "seconds": 60},
        "export": {"limit": 20, "seconds": 60},
        "export_data": {"limit": 5, "seconds": 3600},
        "feedback": {"limit": 5, "seconds": 3600},
        "import": {"limit": 20, "seconds": 60},
        "interview": {"limit": 30, "seconds": 60},
        "job_extract": {"limit": 20, "seconds": 60},
        "portal": {"limit": 20, "seconds": 600},
        "resume_parse": {"limit": 20, "seconds": 60},
        "say": {"limit": 30, "seconds": 60},
        "share": {"limit": 30, "seconds": 60},
        "transcript": {"limit": 30, "seconds": 60}
    }',
    'How often one caller may do each: {action: {limit, seconds}}; 60 a minute when not listed.'
),
('account_deletion_days', '30', 'Days in which a user may take back the deletion of the account.'),
(
    'retention_seconds', '5',
    'How long one round of deleting old rows may take; the next follows in a minute.'
),
('reservation_hours', '24', 'Hours after which a use that nobody settled is given back.'),
('max_files_per_bucket', '200', 'Files that a user may have in one storage bucket.'),
('max_stored_resumes', '500', 'Résumés that a user may have, those in the trash included.'),
('max_jobs', '1000', 'Jobs that a user may track; the trash has room for as many.'),
('max_experiences', '200', 'Entries in a user''s library of experiences.'),
('max_templates', '100', 'Templates of their own that a user may have.'),
('max_settings', '200', 'Settings of client applications that a user may have.'),
('max_unattached_drafts', '20', 'Drafts without a résumé that a user may have.'),
('resume_versions_kept', '50', 'Newest versions of a résumé that are kept.'),
('interview_idle_hours', '24', 'Hours without a word after which an interview is abandoned.')
on conflict do nothing;

-- privacy: retention ----------------------------------------------------------------------------
-- Accounts go account_deletion_days after their owner asked for it; see global_config.

insert into public.retention_policies
(relation, condition, column_name, keep, action, description)
values
(
    'public.resumes', 'always', 'deleted_at', '30 days', 'delete_with_files',
    'Résumés in the trash, and their files.'
),
('public.jobs', 'always', 'deleted_at', '30 days', 'delete', 'Jobs in the trash.'),
('public.analyses', 'ended', 'created_at', '90 days', 'delete', 'Analyses that are over.'),
('public.interview_sessions', 'ended', 'created_at', '2 years', 'delete', 'Interviews.'),
(
    'public.interview_transcripts', 'ended', 'created_at', '2 years', 'delete',
    'What was said in recordings.'
),
(
    'storage.objects', 'interview_audio', 'created_at', '2 years', 'purge_files',
    'Recordings of interviews.'
),
('public.usage_events', 'always', 'created_at', '1 year', 'delete', 'Single uses.'),
('public.usage_counters', 'not_lifetime', 'updated_at', '1 year', 'delete', 'Old counters.'),
('private.idempotency_keys', 'always', 'created_at', '1 year', 'delete', 'Keys of requests.'),
('public.audit_logs', 'always', 'created_at', '1 year', 'delete', 'The audit log.'),
('public.ai_usage', 'always', 'created_at', '90 days', 'delete', 'Calls of AI providers.'),
('public.system_events', 'always', 'created_at', '90 days', 'delete', 'System events.'),
('public.system_events', 'errors', 'created_at', '30 days', 'delete', 'System events: errors.'),
(
    'private.webhook_events', 'ended', 'received_at', '90 days', 'delete',
    'Webhooks that were dealt with.'
),
('queue.finished', 'always', 'finished_at', '90 days', 'delete', 'Tasks that are over.')
on conflict do nothing;
