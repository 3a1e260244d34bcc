// @neondatabase/serverless through a WebSocket proxy: one JSON object on standard input, one on standard output.
"use strict";

const path = require("node:path");

const chunks = [];
process.stdin.on("data", (chunk) => chunks.push(chunk));
process.stdin.on("end", async () => {
  const task = JSON.parse(Buffer.concat(chunks).toString());
  const { neonConfig, Pool, Client } = require(path.join(task.neon, "@neondatabase/serverless"));
  neonConfig.webSocketConstructor = require(path.join(task.ws, "ws"));
  neonConfig.wsProxy = task.proxy;
  neonConfig.useSecureWebSocket = false;
  Object.assign(neonConfig, task.config);
  try {
    process.stdout.write(JSON.stringify(await work(task, Pool, Client)));
  } catch (error) {
    process.stdout.write(JSON.stringify({ error: String(error.message || error.type || error), code: error.code }));
  }
});

async function work(task, Pool, Client) {
  const client = new Client(task.login);
  await client.connect();
  const found = {};
  found.sum = (await client.query("SELECT 6 * $1::int AS n", [7])).rows[0].n;
  const large = "ä".repeat(task.size);
  found.large = (await client.query("SELECT $1::text AS t", [large])).rows[0].t === large;
  await client.query("BEGIN");
  await client.query("CREATE TEMP TABLE t (a int) ON COMMIT DROP");
  await client.query("INSERT INTO t SELECT generate_series(1, 10000)");
  found.rows = (await client.query("SELECT a FROM t ORDER BY a")).rows.length;
  await client.query("ROLLBACK");
  try {
    await client.query("SELECT 1/0");
  } catch (error) {
    found.code = error.code;
  }
  await client.end();

  const pool = new Pool({ ...task.login, max: 5 });
  const numbers = await Promise.all([...Array(20).keys()].map((n) => pool.query("SELECT $1::int AS n", [n])));
  found.pool = numbers.map((result) => result.rows[0].n);
  await pool.end();
  return found;
}
