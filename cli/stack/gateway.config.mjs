// Configuration of the gateway (`lite start --config`); gateway.py calls `configure`. All of it makes
// the gateway answer as hosted Supabase does, and tests/integration/stack/test_gateway_*.py hold it.
import { createPostgresConnection } from "@supabase/lite/postgres";
import { sql } from "kysely";

const env = process.env;

// ---- values on their way out, as PostgREST renders them -----------------------------------------
const isoTimestamp = (text) => text.replace(" ", "T");
const isoTimestamptz = (text) => isoTimestamp(text).replace(/([+-]\d\d)( BC)?$/, "$1:00$2");

// JSON knows no NaN and no infinity; those stay strings.
function number(text) {
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
}

// ---- JSON on its way in -------------------------------------------------------------------------
// A string that reaches the driver for a json parameter is JSON text already: Auth and Storage
// stringify beforehand, filters carry text from the URL, and the gateway itself stringifies those
// RPC arguments that are not strings. Values from request bodies, where "5" and 5 differ, are
// therefore wrapped in JsonValue before the gateway works on them (see withJsonValues).
class JsonValue {
  constructor(value) {
    Object.defineProperty(this, "value", { value });
  }
  toJSON() {
    return this.value;
  }
}

const json = {
  serialize: (value) => (typeof value === "string" ? value : JSON.stringify(value)),
  parse: (text) => JSON.parse(text),
};

function wrapped(value, type) {
  if (value === null || value === undefined) return value;
  if (type === "json" || type === "jsonb") return new JsonValue(value);
  const isArray = ["json[]", "jsonb[]", "_json", "_jsonb"].includes(type) && Array.isArray(value);
  return isArray ? value.map((item) => wrapped(item, "json")) : value;
}

function wrappedEach(values, types) {
  const entries = Object.entries(values);
  return Object.fromEntries(entries.map(([name, value]) => [name, wrapped(value, types.get(name))]));
}

function columnTypes(introspection, schema, table) {
  const columns = introspection.columns.filter((c) => c.table === table && c.schema === schema);
  return new Map(columns.map((c) => [c.name, c.pg_type ?? c.type]));
}

// An argument that differs in type between overloads has no one type: it stays as it is.
function argumentTypes(introspection, schema, name) {
  const types = new Map();
  for (const fn of introspection.functions ?? []) {
    if (fn.schema !== schema || fn.name !== name) continue;
    fn.arg_names.forEach((argument, i) => {
      const type = fn.arg_types[i];
      types.set(argument, !types.has(argument) || types.get(argument) === type ? type : undefined);
    });
  }
  return types;
}

function withJsonValues(ast, introspection) {
  const schema = ast.schema ?? introspection.default_schema ?? "public";
  if (ast.type === "rpc") {
    // The arguments of a GET come from the URL, and are text.
    const named = ast.args && typeof ast.args === "object" && !Array.isArray(ast.args);
    if (ast.httpMethod !== "POST" || !named) return ast;
    const types = argumentTypes(introspection, schema, ast.function);
    return { ...ast, args: wrappedEach(ast.args, types) };
  }
  if (!ast.values) return ast;
  const types = columnTypes(introspection, schema, ast.from);
  const values = Array.isArray(ast.values)
    ? ast.values.map((row) => wrappedEach(row, types))
    : wrappedEach(ast.values, types);
  return { ...ast, values };
}

// ---- errors -------------------------------------------------------------------------------------
// The gateway knows these codes and classes and answers as PostgREST does. All others it would turn
// into a 500 with code SUP; raised with its code PGRST, an error says its own status.
const known = /^(PT|PGRST|42|22|21|55|53|2350[235]|25006)/;
const serverFaults = /^(08|09|25|2D|38|39|3B|40|54|57|58|F0|HV|P0(?!001)|XX)/;
const forbidden = /^(0L|0P|28)/;

function asPostgrest(error) {
  const code = error?.code;
  if (typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code) || known.test(code)) return error;
  const { message, detail, hint } = error;
  const status = serverFaults.test(code) ? 500 : forbidden.test(code) ? 403 : 400;
  return Object.assign(new Error(JSON.stringify({ code, message, details: detail, hint })), {
    code: "PGRST",
    detail: JSON.stringify({ status, headers: {} }),
  });
}

// ---- the settings of a request ------------------------------------------------------------------
// The gateway has a statement for each, ten for a call of a function. As PostgREST does, all of them
// go in one: a round trip costs more than most queries.
async function setForTransaction(transaction, settings) {
  const calls = Object.entries(settings).map(
    ([name, value]) => sql`set_config(${name}, ${value}, true)`,
  );
  await sql`select ${sql.join(calls)}`.execute(transaction);
}

function sessionSettings({ auth, storage }) {
  const role = auth?.role || "anon";
  const settings = {
    role,
    "request.jwt.claim.sub": String(auth?.uid ?? ""),
    "request.jwt.claim.role": role,
    "storage.operation": String(storage?.operation ?? ""),
  };
  const claims = auth?.jwt;
  if (claims && typeof claims === "object") {
    settings["request.jwt.claims"] = JSON.stringify(claims);
  }
  return settings;
}

const callSettings = ({ method, path, requestHeaders }) => ({
  "response.status": "",
  "response.headers": "",
  "request.method": method,
  "request.path": path,
  "request.headers": JSON.stringify(requestHeaders ?? {}),
});

function withSettingsAtOnce(connection) {
  const withContext = connection.withContext.bind(connection);
  const calls = new WeakMap(); // variables of a request → the call it is about
  const done = new WeakSet();
  connection.withContext = (variables, work, options) => {
    if (variables && options?.rpc) calls.set(variables, options.rpc);
    return withContext(variables, work, options);
  };
  connection.applyJwtSessionContext = (transaction, variables) => {
    const call = calls.get(variables);
    if (call) done.add(call);
    const more = call ? callSettings(call) : {};
    return setForTransaction(transaction, { ...sessionSettings(variables), ...more });
  };
  connection.applyRpcRequestGucs = async (transaction, call) => {
    if (!done.has(call)) await setForTransaction(transaction, callSettings(call));
  };
}

// The statements of functions, which have few texts, stay prepared, as PostgREST has it: the driver
// would ask for the types of the parameters each time, which is one more round trip.
const CALL = /^select (set_config\(|\* from "?\w+"?\."?\w+"?\()/;

function withPreparedCalls(driver) {
  const reserve = driver.reserve.bind(driver);
  driver.reserve = async () => {
    const connection = await reserve();
    const unsafe = connection.unsafe;
    connection.unsafe = (text, values, options) =>
      unsafe(text, values, { ...options, prepare: CALL.test(text) });
    return connection;
  };
}

// ---- the connection -----------------------------------------------------------------------------
function connect() {
  const connection = createPostgresConnection({
    url: env.DATABASE_URL,
    postgresOptions: {
      max: 20,
      onnotice: () => {},
      connection: { application_name: "resumebase gateway" },
      types: {
        timestamp: { to: 1114, from: [1114], serialize: (value) => value, parse: isoTimestamp },
        timestamptz: { to: 1184, from: [1184], serialize: (value) => value, parse: isoTimestamptz },
        numeric: { to: 1700, from: [1700], serialize: String, parse: number },
        json: { to: 114, from: [114], ...json },
        jsonb: { to: 3802, from: [3802], ...json },
      },
    },
  });
  // Else it grants ALL on every table with row level security to the API roles.
  connection.rlsState = "active";
  connection.normalizeDbError = asPostgrest;
  withSettingsAtOnce(connection);
  withPreparedCalls(connection.driver);
  const check = connection.onPostgrestAST.bind(connection);
  connection.onPostgrestAST = async (ast, vars) => {
    const checked = await check(ast, vars);
    // Storage comes through here as well; its metadata is text already.
    if (checked.schema === "storage" || checked.schema === "auth") return checked;
    return withJsonValues(checked, await connection.introspect({ useCache: true }));
  };
  return connection;
}

// At its start the gateway prints its secret key, which has no business in a log file.
function keepFromLogs(secret) {
  const log = console.log;
  console.log = (...words) =>
    log(...words.map((word) => (typeof word === "string" ? word.replaceAll(secret, "…") : word)));
}

// The gateway has more to say: pages for administrators on every unknown path, and its whole
// configuration, with the password of its database login, to anybody who asks for /_system/info.
async function onlyServices(context, next) {
  if (/^\/(rest|auth|storage)\/v1(\/|$)/.test(context.req.path)) return next();
  return context.json({ message: "no Route matched with those values" }, 404);
}

export function configure({ port, api, auth, storage, ...sections }) {
  keepFromLogs(env.SUPABASE_SECRET_KEY);
  return {
    connection: connect(),
    api: { ...api, port },
    auth: {
      ...auth,
      enabled: true,
      jwt_secret: env.JWT_SECRET,
      publishable_key: env.SUPABASE_PUBLISHABLE_KEY,
      secret_key: env.SUPABASE_SECRET_KEY,
      email: sections["auth.email"],
    },
    storage: { ...storage, enabled: true },
    studio: { enabled: false },
    options: { server: { middlewares: [onlyServices] } },
  };
}
