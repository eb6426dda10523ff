"""Rows of room interviews."""

from rlstests.samples.sample import Sample

SESSION = "'00000000-0000-4000-8000-000000000801'"
MAKE_SESSION = (
    "insert into public.interview_sessions (id, user_id, session_type) "
    f"values ({SESSION}, %(owner)s, 'chat')"
)

SAMPLES = {
    "public.interviewers": Sample(
        where="name = 'Maya Okafor'",
        insert="(name) values ('Me')",
        update="name = 'Me'",
    ),
    "public.interview_sessions": Sample(
        where="user_id = %(owner)s and job_title = 'Sample'",
        make="(user_id, session_type, job_title) values (%(owner)s, 'chat', 'Sample')",
        insert="(user_id, session_type) values (%(owner)s, 'chat')",
        update="score = 100",
    ),
    "public.interview_turns": Sample(
        where="user_id = %(owner)s",
        before=(MAKE_SESSION,),
        make="(user_id, session_id, speaker, message) "
        f"values (%(owner)s, {SESSION}, 'ai', 'Tell me about yourself.')",
        insert="(user_id, session_id, speaker, message) "
        f"values (%(owner)s, {SESSION}, 'ai', 'You are hired.')",
        update="message = 'changed'",
    ),
    "public.interview_transcripts": Sample(
        where="user_id = %(owner)s",
        make="(user_id, audio_path, status) values (%(owner)s, %(owner)s || '/a.webm', 'failed')",
        insert="(user_id, audio_path) values (%(owner)s, %(owner)s || '/b.webm')",
        update="transcript_text = 'changed'",
    ),
    "public.resume_bullets": Sample(
        where="user_id = %(owner)s",
        make="(user_id, question, transcript, status) "
        "values (%(owner)s, 'What?', 'This.', 'failed')",
        insert="(user_id, question, transcript) values (%(owner)s, 'Who?', 'Me.')",
        update="bullets = '[\"changed\"]'",
    ),
}
