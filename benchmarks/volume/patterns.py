"""What web clients ask, as PostgREST puts it: the queries whose plans must hold at volume.

Each is SQL with %(user)s, %(resume)s, %(job)s and %(session)s, the ids of the caller and of rows of
theirs, and %(slug)s of a shared résumé. RPC are called as they are; the plans of the queries inside
them are looked at as well.
"""

PATTERNS = {
    "my profile": "select * from public.profiles",
    "my preferences": "select * from public.user_preferences",
    "my résumés, newest first": "select id, title, status, updated_at from public.resumes "
    "order by updated_at desc limit 20",
    "one résumé": "select * from public.resumes where id = %(resume)s",
    "count of my résumés": "select count(*) from public.resumes",
    "my résumés with a skill": "select id from public.resumes "
    """where content -> 'skills' @> '{"technical": ["Python"]}'""",
    "my résumés with their analyses": "select r.id, a.score from public.resumes r "
    "left join public.analyses a on a.user_id = r.user_id and a.resume_id = r.id "
    "order by r.updated_at desc limit 20",
    "sections of a résumé": "select * from public.resume_sections where resume_id = %(resume)s",
    "versions of a résumé": "select version_number, change_type, created_at "
    "from public.resume_versions where resume_id = %(resume)s order by version_number desc",
    "my drafts": "select * from public.resume_drafts",
    "my experiences": "select * from public.user_experiences order by start_date desc",
    "my jobs by status": "select * from public.jobs where status = 'saved' "
    "order by updated_at desc limit 20",
    "one job": "select * from public.jobs where id = %(job)s",
    "my analyses, newest first": "select * from public.analyses order by created_at desc limit 20",
    "analyses of a résumé": "select * from public.analyses where resume_id = %(resume)s",
    "my documents": "select * from public.ai_documents order by created_at desc limit 20",
    "my interviews": "select * from public.interview_sessions order by created_at desc limit 20",
    "turns of an interview": "select * from public.interview_turns "
    "where session_id = %(session)s order by turn_number",
    "my usage of the month": "select * from public.usage_counters",
    "my uses, newest first": "select * from public.usage_events order by created_at desc limit 20",
    "usage as ResumePilot shows it": "select * from public.usage_tracking",
    "credits as Resume Generator shows them": "select * from public.user_credits",
    "my tokens": "select * from public.token_transactions order by created_at desc limit 20",
    "my subscription": "select * from public.subscriptions",
    "rpc my_usage": "select * from public.my_usage()",
    "rpc search_resumes": "select * from public.search_resumes('pyth engin')",
    "rpc search_jobs": "select * from public.search_jobs('engineer sql')",
    "rpc job_board": "select * from public.job_board()",
    "rpc share_resume": "select public.share_resume(%(resume)s)",
    "rpc get_shared_resume": "select public.get_shared_resume(%(slug)s)",
    "rpc save_draft": "select public.save_draft(%(resume)s, 1, '{}')",
    "rpc duplicate_resume": "select public.duplicate_resume(%(resume)s)",
    "rpc trash_resume": "select public.trash_resume(%(resume)s)",
    "rpc request_analysis": "select public.request_analysis('ats_score', %(resume)s)",
    "rpc say": "select public.say(%(session)s, 'I would measure it first.')",
    "rpc export_my_data": "select public.export_my_data()",
}
