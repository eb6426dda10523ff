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

-- templates -------------------------------------------------------------------------------------

-- ai: model prices ------------------------------------------------------------------------------

-- interviews: interviewers ----------------------------------------------------------------------

-- platform: configuration -----------------------------------------------------------------------
-- Every key that the product reads; each has a default in the code, so a missing one does no harm.

insert into public.global_config (key, value, description)
values
('default_plan', '"free"', 'Code of the plan of a user without a subscription.'),
('billing_grace_days', '7', 'Days that a past due subscription keeps its access.'),
('ai_cache_ttl_seconds', '86400', 'How long an answer of an AI provider may be used again.'),
(
    'ai_models',
    '{
        "gemini": "gemini-2.5-flash",
        "claude": "claude-sonnet-4-5",
        "openai": "gpt-5-mini",
        "openrouter": "google/gemini-2.5-flash",
        "offline": "offline"
    }',
    'The model that is asked at each provider.'
),
(
    'ai_provider_order', '["gemini", "claude", "openai", "openrouter", "offline"]',
    'Providers in the order in which they are asked, when a user prefers none.'
),
(
    'rate_limits',
    '{
        "search": {"limit": 60, "seconds": 60},
        "analysis": {"limit": 20, "seconds": 60},
        "document": {"limit": 20, "seconds": 60},
        "parse": {"limit": 20, "seconds": 60},
        "interview": {"limit": 10, "seconds": 60},
        "say": {"limit": 30, "seconds": 60},
        "transcript": {"limit": 30, "seconds": 60},
        "bullets": {"limit": 20, "seconds": 60},
        "export": {"limit": 20, "seconds": 60},
        "import": {"limit": 20, "seconds": 60},
        "share": {"limit": 30, "seconds": 60},
        "shared": {"limit": 120, "seconds": 60},
        "feedback": {"limit": 5, "seconds": 3600},
        "export_data": {"limit": 5, "seconds": 3600}
    }',
    'How often one caller may do each: {action: {limit, seconds}}; 60 a minute when not listed.'
),
('account_deletion_days', '30', 'Days in which a user may take back the deletion of the account.'),
(
    'retention_seconds', '5',
    'How long one round of deleting old rows may take; the next follows in a minute.'
),
('max_files_per_bucket', '200', 'Files that a user may have in one storage bucket.'),
('max_stored_resumes', '500', 'Résumés that a user may have, those in the trash included.'),
('max_jobs', '2000', 'Jobs that a user may track, those in the trash included.'),
('max_experiences', '500', 'Entries in a user''s library of experiences.'),
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
    'private.webhook_events', 'ended', 'received_at', '30 days', 'delete',
    'Webhooks that were dealt with.'
),
('queue.finished', 'always', 'finished_at', '90 days', 'delete', 'Tasks that are over.')
on conflict do nothing;
