-- Room: interviews, fifth part: recordings.
--
-- What lives here: interview_transcripts, request_transcript, and what the queue tells us about it.
-- Who may touch it: owners ask, read, and delete what is over; the queue reports through
-- on_transcript. The recording is a file of the owner's own and outlives its transcripts: whoever
-- wants it gone deletes it from the bucket.
-- Tests: rlstests/test_interviews_recordings.py, rlstests/test_interviews_deleting.py

insert into queue.task_kinds (kind, description, priority, max_attempts)
values ('transcript', 'Write down what was said in a recording.', 50, 3)
on conflict (kind) do nothing;

create table public.interview_transcripts (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null default auth.uid() references public.profiles (id) on delete cascade,
    audio_path text not null,
    transcript_text text check (char_length(transcript_text) <= 100000),
    confidence_score numeric(3, 2) check (confidence_score between 0 and 1),
    status text not null default 'pending' check (
        status in ('pending', 'processing', 'completed', 'failed', 'cancelled')
    ),
    error_message text check (char_length(error_message) <= 2000),
    ai_provider text check (char_length(ai_provider) <= 100),
    model_used text check (char_length(model_used) <= 200),
    tokens_used integer check (tokens_used >= 0),
    processing_time_ms integer check (processing_time_ms >= 0),
    estimated_cost numeric(10, 6) check (estimated_cost >= 0),
    completed_at timestamptz,
    usage_event_id uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (user_id, usage_event_id),
    constraint interview_transcripts_completed_check check (
        (status = 'completed') = (completed_at is not null)
        and (status <> 'completed' or transcript_text is not null)
    ),
    constraint interview_transcripts_audio_path_check check (
        private.is_recording_path(audio_path, user_id)
    )
);
comment on table public.interview_transcripts is
    'What was said in a recording. Owners read, and delete what is over; the recording stays in the
bucket until they delete it as well. The system writes, by request_transcript and the queue.';
comment on column public.interview_transcripts.audio_path is
    'Object in the bucket interview-audio: {user_id}/{name}.';
comment on column public.interview_transcripts.transcript_text is 'Null until it is completed.';
comment on column public.interview_transcripts.confidence_score is
    'How sure the provider is, 0 to 1; null when it does not say.';
comment on column public.interview_transcripts.error_message is
    'Why it failed, in words for the user; null unless it did.';
comment on column public.interview_transcripts.estimated_cost is 'In US dollars.';
comment on column public.interview_transcripts.usage_event_id is 'The use that it counts as.';
create index interview_transcripts_user_id_created_at_idx
on public.interview_transcripts (user_id, created_at desc);

-- Row level security ----------------------------------------------------------------------------

alter table public.interview_transcripts enable row level security;

create policy interview_transcripts_select_owner on public.interview_transcripts
for select to authenticated
using (user_id = (select auth.uid()));

create policy interview_transcripts_delete_owner on public.interview_transcripts
for delete to authenticated
using (user_id = (select auth.uid()) and status not in ('pending', 'processing'));
comment on policy interview_transcripts_delete_owner on public.interview_transcripts is
    'An open request is cancelled first: its task would go on without it.';

grant select on public.interview_transcripts to authenticated, service_role;
grant delete on public.interview_transcripts to authenticated;

-- Triggers --------------------------------------------------------------------------------------

create trigger _100_set_updated_at before update on public.interview_transcripts
for each row execute function private.tg_set_updated_at();

create trigger _100_lock_account before delete on public.interview_transcripts
for each statement execute function private.tg_lock_account();

-- Ask -------------------------------------------------------------------------------------------

create function private.request_transcript(p_audio_path text, p_idempotency_key text)
returns public.interview_transcripts
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_use private.reservation;
    v_transcript public.interview_transcripts;
begin
    perform private.lock_account(v_user_id);
    perform private.limit_rate('transcript');
    perform private.require_recording(v_user_id, p_audio_path);
    v_use := private.reserve_usage(
        v_user_id, 'transcript', p_idempotency_key, jsonb_build_object('audio_path', p_audio_path)
    );
    if v_use.is_replay then
        select * into v_transcript
        from public.interview_transcripts t
        where t.user_id = v_user_id and t.usage_event_id = v_use.usage_event_id;
        if not found then
            perform private.raise_request_gone('transcript');
        end if;
        return v_transcript;
    end if;

    insert into public.interview_transcripts (user_id, audio_path, usage_event_id)
    values (v_user_id, p_audio_path, v_use.usage_event_id)
    returning * into v_transcript;
    perform private.enqueue_task(
        'transcript',
        jsonb_build_object('transcript_id', v_transcript.id, 'audio_path', p_audio_path),
        v_user_id, v_use.usage_event_id, 'transcript:' || v_transcript.id
    );
    return v_transcript;
end;
$$;
comment on function private.request_transcript(text, text) is
    'Reserves one use and queues the task; see public.request_transcript.';
grant execute on function private.request_transcript(text, text) to authenticated;

create function public.request_transcript(
    p_audio_path text,
    p_idempotency_key text default null
) returns public.interview_transcripts
language sql
volatile
set search_path = ''
as $$
    select private.request_transcript(p_audio_path, p_idempotency_key);
$$;
comment on function public.request_transcript(text, text) is
    'Asks for a recording in the bucket interview-audio to be written down. Gives the row, pending.
Counts one use, given back if it fails. The same key again returns the same row. PT402 when the
allowance is gone, PT422 without such a recording in your folder, PT429 when it is too often.';
grant execute on function public.request_transcript(text, text) to authenticated;

-- What the queue tells us -----------------------------------------------------------------------

create function private.require_transcript_result(p_result jsonb) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if (
        jsonb_typeof(p_result -> 'transcript_text') = 'string'
        and char_length(p_result ->> 'transcript_text') <= 100000
        and case coalesce(jsonb_typeof(p_result -> 'confidence_score'), 'null')
            when 'null' then true
            when 'number' then (p_result ->> 'confidence_score')::numeric between 0 and 1
            else false
        end
    ) is not true then
        perform private.raise_malformed_result(
            'transcript_text of at most 100000 characters, a confidence_score from 0 to 1 if any, '
            'and the provider'
        );
    end if;
    perform private.provider_facts(p_result);
end;
$$;
comment on function private.require_transcript_result(jsonb) is
    'PT422 unless a worker sent all that on_transcript writes.';

create function private.write_transcript(p_id uuid, p_user_id uuid, p_result jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_facts private.provider_facts := private.provider_facts(p_result);
begin
    update public.interview_transcripts t
    set status = 'completed',
        error_message = null,
        completed_at = now(),
        transcript_text = p_result ->> 'transcript_text',
        confidence_score = (p_result ->> 'confidence_score')::numeric,
        ai_provider = v_facts.ai_provider,
        model_used = v_facts.model_used,
        tokens_used = v_facts.tokens_used,
        processing_time_ms = v_facts.processing_time_ms,
        estimated_cost = v_facts.estimated_cost
    where t.id = p_id and t.user_id = p_user_id;
end;
$$;
comment on function private.write_transcript(uuid, uuid, jsonb) is
    'Writes what was said in a recording.';

create function private.on_transcript(p_task queue.tasks, p_event text, p_data jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_id uuid := (p_task.payload ->> 'transcript_id')::uuid;
begin
    if p_event = 'completed' then
        perform private.require_transcript_result(p_data);
        perform private.write_transcript(v_id, p_task.user_id, p_data);
        return;
    end if;
    update public.interview_transcripts t
    set status = case p_event
            when 'started' then 'processing'
            when 'retried' then 'pending'
            else p_event
        end,
        error_message = case when p_event = 'failed' then p_data ->> 'error' end
    where t.id = v_id and t.user_id = p_task.user_id;
end;
$$;
comment on function private.on_transcript(queue.tasks, text, jsonb) is
    'Moves the status with the task, and writes the result of a completed one.';
