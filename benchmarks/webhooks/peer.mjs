// @supabase/stripe-sync-engine behind Node's own HTTP server, and nothing else in between.
//
//   DATABASE_URL=… STRIPE_WEBHOOK_SECRET=… node peer.mjs PORT
//
// Configured to ask Stripe for nothing, as its users do who want to be fast.
import { createServer } from "node:http";
import { createRequire } from "node:module";

// As a CommonJS module: as an ES module it does not find its own migrations.
const { runMigrations, StripeSync } = createRequire(import.meta.url)("@supabase/stripe-sync-engine");
const { DATABASE_URL, STRIPE_WEBHOOK_SECRET } = process.env;
const logger = { info() {}, error: (error, message) => console.error(message, error) };
await runMigrations({ databaseUrl: DATABASE_URL, schema: "stripe", logger });
const sync = new StripeSync({
  schema: "stripe",
  poolConfig: { connectionString: DATABASE_URL, max: 20, keepAlive: true },
  stripeSecretKey: "sk_test_of_the_benchmark",
  stripeWebhookSecret: STRIPE_WEBHOOK_SECRET,
  autoExpandLists: false,
  backfillRelatedEntities: false,
});

async function answer(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  let status = 200;
  let body = { received: true };
  try {
    await sync.processWebhook(Buffer.concat(chunks), request.headers["stripe-signature"]);
  } catch (error) {
    status = 500;
    body = { error: String(error.message ?? error) };
    console.error(body.error.slice(0, 300));
  }
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

createServer(answer).listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening"));
