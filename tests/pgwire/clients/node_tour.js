// node-postgres: types, parameters, prepared statements, errors, a pool, notifications. NODE_PATH has the package "pg".
'use strict';
const assert = require('node:assert');
const { Client, Pool } = require('pg');

async function values(client) {
  const { rows, fields } = await client.query(
    `SELECT 1::int4 AS i, 9007199254740993::int8 AS b, 1.50::numeric AS n, 0.1::float8 AS f, true AS t, 'x'::text AS s,
     '{"a": [1, null]}'::jsonb AS j, '{1,NULL,3}'::int4[] AS a, '\\x00ff'::bytea AS y, NULL::int4 AS z,
     '2024-02-29 12:00:00+00'::timestamptz AS w, '1 day 02:03:04'::interval AS v`);
  const row = rows[0];
  assert.deepStrictEqual([row.i, row.b, row.n, row.f, row.t, row.s], [1, '9007199254740993', '1.50', 0.1, true, 'x']);
  assert.deepStrictEqual(row.j, { a: [1, null] });
  assert.deepStrictEqual(row.a, [1, null, 3]);
  assert.deepStrictEqual([...row.y], [0, 255]);
  assert.strictEqual(row.w.toISOString(), '2024-02-29T12:00:00.000Z');
  assert.strictEqual(row.v.hours, 2);
  assert.deepStrictEqual(fields.map((field) => field.dataTypeID).slice(0, 4), [23, 20, 1700, 701]);
}

async function statements(client) {
  await client.query('CREATE TABLE node (id serial PRIMARY KEY, name text UNIQUE, data jsonb, tags text[])');
  for (let n = 0; n < 5; n += 1) {
    const { rows } = await client.query({
      name: 'insert', text: 'INSERT INTO node (name, data, tags) VALUES ($1, $2, $3) RETURNING id',
      values: [`n${n}`, { n }, ['a', `b"${n}`]],
    });
    assert.strictEqual(rows[0].id, n + 1);
  }
  const found = await client.query({ text: 'SELECT id, tags FROM node WHERE id = ANY($1::int[]) ORDER BY id', values: [[1, 3]], rowMode: 'array' });
  assert.deepStrictEqual(found.rows, [[1, ['a', 'b"0']], [3, ['a', 'b"2']]]);
  const many = await client.query('SELECT 1 AS a; SELECT 2 AS b');
  assert.strictEqual(many.length, 2);
  const binary = await client.query({ text: 'SELECT id FROM node WHERE data @> $1', values: [{ n: 2 }], binary: true });
  assert.strictEqual(binary.rows[0].id, 3);
  const update = await client.query("UPDATE node SET name = upper(name) WHERE id < $1", [3]);
  assert.strictEqual(update.rowCount, 2);
}

async function failures(client) {
  await assert.rejects(client.query('SELECT nosuch'), { code: '42703', position: '8' });
  await assert.rejects(client.query("INSERT INTO node (name) VALUES ('N0')"), { code: '23505', constraint: 'node_name_key', table: 'node', detail: 'Key (name)=(N0) already exists.' });
  await client.query('BEGIN');
  await assert.rejects(client.query('SELECT 1/0'), { code: '22012' });
  await assert.rejects(client.query('SELECT 1'), { code: '25P02' });
  await client.query('ROLLBACK');
}

async function main() {
  const client = new Client();
  await client.connect();
  await values(client);
  await statements(client);
  await failures(client);
  const heard = new Promise((resolve) => client.once('notification', resolve));
  await client.query('LISTEN node');
  const pool = new Pool({ max: 3 });
  await pool.query("SELECT pg_notify('node', 'hello')");
  assert.strictEqual((await heard).payload, 'hello');
  const answers = await Promise.all([...Array(9).keys()].map((n) => pool.query('SELECT $1::int AS n', [n])));
  assert.deepStrictEqual(answers.map((answer) => answer.rows[0].n), [...Array(9).keys()]);
  await pool.end();
  await client.query('DROP TABLE node');
  await client.end();
}

main().catch((error) => { console.error(error); process.exit(1); });
