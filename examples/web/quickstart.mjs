// The main job from a web client: sign up, upload a résumé, have it read, see the allowance.
//
//   make quickstart
//   resumebase env exec -- node examples/web/quickstart.mjs my-resume.pdf
//
// Nothing here is special to resumebase: it is @supabase/supabase-js with the project's URL and
// publishable key. In a browser the file comes from an <input type="file"> instead of the disk.
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createClient } from "@supabase/supabase-js";

const { SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY } = process.env;
if (!SUPABASE_URL || !SUPABASE_PUBLISHABLE_KEY) {
  console.error("Set SUPABASE_URL and SUPABASE_PUBLISHABLE_KEY, or start this with: make quickstart");
  process.exit(2);
}
const example = new URL("../resumes/backend-engineer.pdf", import.meta.url);
const file = process.argv[2] ?? fileURLToPath(example);
const mediaTypes = {
  ".pdf": "application/pdf",
  ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
};

const supabase = createClient(SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY);

// Every call answers { data, error }; a demo stops at the first error.
const ok = ({ data, error }) => {
  if (error) throw error;
  return data;
};

// 1. Sign up. Triggers in the database make the profile and the free allowance.
const { user } = ok(
  await supabase.auth.signUp({
    email: `web-${randomUUID()}@example.com`,
    password: randomUUID(),
    options: { data: { full_name: "Grace Hopper" } },
  }),
);
const profile = ok(await supabase.from("profiles").select("full_name, subscription_tier").single());
console.log(`signed up as ${profile.full_name}, plan ${profile.subscription_tier}`);

// 2. Upload into your own folder, and say which résumé the file belongs to.
const path = `${user.id}/${randomUUID()}${extname(file).toLowerCase()}`;
const contentType = mediaTypes[extname(file).toLowerCase()];
ok(await supabase.storage.from("resumes").upload(path, await readFile(file), { contentType }));
const resume = ok(
  await supabase
    .from("resumes")
    .insert({ title: "My résumé", file_name: basename(file), file_path: path })
    .select()
    .single(),
);

// 3. Ask for it to be read. The key makes it safe to repeat the call after a lost connection.
ok(
  await supabase.rpc("request_resume_parse", {
    p_resume_id: resume.id,
    p_idempotency_key: randomUUID(),
  }),
);

// 4. Wait for the worker. On hosted Supabase, Realtime can push this change instead.
let read = resume;
for (let tries = 0; !["completed", "failed"].includes(read.parse_status); tries += 1) {
  if (tries === 300) throw new Error(`still ${read.parse_status}: is a worker running?`);
  await pause(100);
  read = ok(
    await supabase
      .from("resumes")
      .select("parse_status, parse_error, parsed_data")
      .eq("id", resume.id)
      .single(),
  );
}
if (read.parse_status === "failed") throw new Error(read.parse_error);

const { basics, work = [], skills = [] } = read.parsed_data;
console.log(`read: ${basics.name}, ${work.length} jobs, ${skills.length} groups of skills`);

// 5. What it cost.
const [usage] = ok(await supabase.rpc("my_usage"));
console.log(`${usage.meter}: ${usage.used} of ${usage.max_uses} used`);
