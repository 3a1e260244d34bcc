-- The extended protocol: types of parameters that are inferred, results in binary form, descriptions.
CREATE TABLE t (id int PRIMARY KEY, name text, n numeric(8, 2), at timestamptz, tags text[], j jsonb, f float8, b bytea, u uuid, ok bool, d date, v varchar(4));
--@ extended
SELECT 1;
SELECT;
SELECT 1; SELECT 2;
--@ params ["5"]
SELECT $1::int;
--@ params ["5"]
SELECT $1;
--@ params ["5", "6"]
SELECT $1 + $2::int8;
--@ params ["5"]
SELECT $1 + 1;
--@ params ["5"]
SELECT 1.5 * $1;
--@ params ["a"]
SELECT 'x' || $1;
--@ params ["a"]
SELECT upper($1), length($1);
--@ params ["1", "2"]
SELECT $1 + $2;
--@ params ["1"]
SELECT $1 = $1;
--@ params ["1"]
SELECT $1::int, $1::text;
--@ params ["1", "x", "1.234", "2024-01-01 00:00+00", "{a,NULL}", "{\"k\": 1}", "NaN", "\\x00ff", "a0eebc999c0b4ef8bb6d6bb9bd380a11", "yes", "2024-02-29", "abcd"]
INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING *;
--@ params ["2", null, "99999999"]
INSERT INTO t (id, name, n) VALUES ($1, $2, $3);
--@ params ["2", "toolong"]
INSERT INTO t (id, v) VALUES ($1, $2);
--@ binary
SELECT id, name, n, at, tags, f, b, u, ok, d, v FROM t;
--@ binary
SELECT 1::int2, 2::int4, 3::int8, 1.5::float4, 'NaN'::float8, -12345.678::numeric, 0::numeric, 'NaN'::numeric, 1e-5::numeric, 100000::numeric;
--@ binary
SELECT date '1999-12-31', time '12:30:01.5', timetz '12:30+02', timestamp 'infinity', interval '1 mon 2 days 03:04:05.6', 'x'::"char", 'n'::name, 'c'::char(3);
--@ binary
SELECT ARRAY[1, NULL, 3], ARRAY['a', 'b'], ARRAY[[1, 2], [3, 4]], '{}'::int[], '{"a": [1]}'::jsonb, '{"a":1}'::json, NULL::int, true, ''::text, ROW(1, 'a');
--@ params ["1"]
SELECT name FROM t WHERE id = $1;
--@ params ["{1,2}"]
SELECT count(*) FROM t WHERE id = ANY ($1);
--@ params ["1", "5"]
SELECT id FROM t WHERE id BETWEEN $1 AND $2 ORDER BY id;
--@ params ["x%"]
SELECT id FROM t WHERE name LIKE $1;
--@ params ["2024-01-01"]
SELECT count(*) FROM t WHERE at >= $1;
--@ params ["1 day"]
SELECT count(*) FROM t WHERE at > now() - $1::interval;
--@ params ["1"]
SELECT id FROM t ORDER BY id LIMIT $1;
--@ params ["1", "0"]
SELECT id FROM t ORDER BY id LIMIT $1 OFFSET $2;
--@ params ["1", "2"]
SELECT id FROM t WHERE id IN ($1, $2) ORDER BY id;
--@ params ["7"]
SELECT coalesce($1, 5), CASE WHEN true THEN $1 ELSE 1 END;
--@ params ["x"]
SELECT coalesce($1, 'd');
--@ params ["1", "b"]
UPDATE t SET name = $2 WHERE id = $1 RETURNING name;
--@ params ["{\"z\": true}", "1"]
UPDATE t SET j = j || $1 WHERE id = $2 RETURNING j;
--@ params ["k", "1"]
SELECT j -> $1, j ->> $1 FROM t WHERE id = $2;
--@ params ["9"]
DELETE FROM t WHERE id = $1;
--@ params ["x"]
SELECT $1::int;
--@ params ["5"]
SELECT $2::int;
--@ params []
SELECT $1::int;
--@ params ["5", "6"]
SELECT $1::int;
--@ types [23]
--@ params ["5"]
SELECT $1;
--@ types [25]
--@ params ["5"]
SELECT $1 + 1;
--@ types [1700]
--@ params ["1.50"]
SELECT $1 * 2;
--@ types [0, 20]
--@ params ["1", "2"]
SELECT $1 + $2;
--@ types [999999]
--@ params ["1"]
SELECT $1;
--@ params ["t"]
SELECT $1 IS TRUE, NOT $1;
--@ params ["1"]
SELECT $1 IS NULL;
--@ params ["a"]
SELECT 'a' = $1, $1 IN ('a', 'b');
--@ params ["3"]
SELECT * FROM generate_series(1, $1);
--@ params ["{a,b}"]
SELECT unnest($1::text[]);
--@ params ["{a,b}"]
SELECT unnest($1);
--@ params ["2024-01-31"]
SELECT $1::date + 1, $1::date + interval '1 month';
--@ params ["1"]
VALUES ($1), (2);
--@ params ["a", "b"]
SELECT * FROM (VALUES ($1, $2)) v (x, y);
--@ params ["x"]
SELECT $1 UNION SELECT 'y' ORDER BY 1;
--@ params ["1"]
SELECT row_number() OVER (ORDER BY $1::int), sum($1::int) OVER ();
--@ params ["5"]
SELECT round($1, 2), abs($1), $1::numeric;
--@ params ["x"]
SELECT to_jsonb($1::text), jsonb_build_object('k', $1::text);
--@ params ["x"]
SELECT jsonb_build_object('k', $1);
--@ params ["x"]
SELECT format('%s', $1), concat($1, 'y');
--@ params ["1"]
WITH w AS (SELECT $1::int AS x) SELECT x + 1 FROM w;
SELECT nosuch;
SELEC 1;
BEGIN;
SELECT 1/0;
SELECT 1;
ROLLBACK;
SET timezone = 'UTC';
SHOW timezone;
CREATE TABLE made AS SELECT 1 AS a;
DROP TABLE made;
EXPLAIN SELECT 1;
COPY (SELECT 1) TO STDOUT;
DROP TABLE t;
