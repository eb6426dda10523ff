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

-- privacy: retention ----------------------------------------------------------------------------
