-- What object-relational mappers send, Django's and SQLAlchemy's tests above all.
CREATE TABLE sale (id int PRIMARY KEY, amount numeric(8,2), weight float8, day date, moment timestamp, step int);
INSERT INTO sale SELECT i, i * 1.25, i * 0.5, date '2024-01-30' + i * 3, timestamp '2024-02-28 20:00' + i * interval '5 hours', i % 4 - 1 FROM generate_series(1, 9) i;

-- frames and distances that are parameters
PREPARE rows_frame (int, int) AS SELECT id, sum(id) OVER (ORDER BY id ROWS BETWEEN $1 PRECEDING AND $2 FOLLOWING) FROM sale ORDER BY id;
EXECUTE rows_frame (1, 2);
EXECUTE rows_frame (0, 0);
EXECUTE rows_frame (NULL, 0);
EXECUTE rows_frame (1, -1);
PREPARE groups_frame (bigint) AS SELECT id, sum(id) OVER (ORDER BY step GROUPS BETWEEN $1 - 1 PRECEDING AND CURRENT ROW) FROM sale ORDER BY id;
EXECUTE groups_frame (2);
PREPARE int_frame (int) AS SELECT id, sum(id) OVER (ORDER BY id RANGE BETWEEN CURRENT ROW AND $1 FOLLOWING) FROM sale ORDER BY id;
EXECUTE int_frame (3);
EXECUTE int_frame (-3);
PREPARE numeric_frame (numeric) AS SELECT id, sum(id) OVER (ORDER BY amount RANGE BETWEEN $1 PRECEDING AND $1 FOLLOWING) FROM sale ORDER BY id;
EXECUTE numeric_frame (1.25);
EXECUTE numeric_frame (1.249);
EXECUTE numeric_frame (-1);
PREPARE float_frame (float8) AS SELECT id, sum(id) OVER (ORDER BY weight RANGE BETWEEN $1 PRECEDING AND $1 FOLLOWING) FROM sale ORDER BY id;
EXECUTE float_frame (0.5);
EXECUTE float_frame ('NaN');
EXECUTE float_frame ('Infinity');
PREPARE date_frame (interval) AS SELECT id, sum(id) OVER (ORDER BY day RANGE BETWEEN $1 PRECEDING AND CURRENT ROW) FROM sale ORDER BY id;
EXECUTE date_frame ('7 days');
EXECUTE date_frame (NULL);
PREPARE moment_frame (interval) AS SELECT id, sum(id) OVER (ORDER BY moment RANGE BETWEEN $1 PRECEDING AND CURRENT ROW) FROM sale ORDER BY id;
EXECUTE moment_frame ('10 hours');
PREPARE neighbours (int) AS SELECT id, lag(id, $1) OVER (ORDER BY id), lead(amount, $1, 0) OVER (ORDER BY id) FROM sale ORDER BY id;
EXECUTE neighbours (1);
EXECUTE neighbours (0);
EXECUTE neighbours (-2);
EXECUTE neighbours (NULL);
SELECT id, step, lag(id, step) OVER (ORDER BY id), lead(id, step, -1) OVER (ORDER BY id) FROM sale ORDER BY id;
SELECT id, lag(id, nullif(step, 0), 99) OVER (PARTITION BY id % 2 ORDER BY id) FROM sale ORDER BY id;

-- cursors on the server, and tables of a query, whose queries have parameters
--@ extended
BEGIN;
--@ params ["3"]
DECLARE few CURSOR FOR SELECT id, step FROM sale WHERE id <= $1::int ORDER BY id;
FETCH FORWARD 2 FROM few;
FETCH ALL FROM few;
CLOSE few;
--@ params ["2", "x"]
DECLARE held INSENSITIVE SCROLL CURSOR WITH HOLD FOR SELECT id, $2::text FROM sale WHERE id < ANY (ARRAY[$1::int, 1]) ORDER BY id;
COMMIT;
FETCH FIRST FROM held;
CLOSE held;
--@ params ["4", "2.5"]
CREATE TABLE picked AS SELECT id, amount * $2::numeric AS more FROM sale WHERE id < $1::int;
SELECT * FROM picked ORDER BY id;
--@ simple

-- constraints that wait, then are told not to
CREATE TABLE slot (id int PRIMARY KEY, now_and_later int UNIQUE DEFERRABLE INITIALLY IMMEDIATE, later int UNIQUE DEFERRABLE INITIALLY DEFERRED, parent int REFERENCES slot DEFERRABLE INITIALLY DEFERRED);
INSERT INTO slot VALUES (1, 1, 1, NULL), (2, 2, 2, NULL);
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
UPDATE slot SET now_and_later = 2 WHERE id = 1;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
BEGIN;
SET CONSTRAINTS slot_now_and_later_key DEFERRED;
UPDATE slot SET now_and_later = 2 WHERE id = 1;
SET CONSTRAINTS slot_now_and_later_key IMMEDIATE;
ROLLBACK;
BEGIN;
UPDATE slot SET later = 2 WHERE id = 1;
UPDATE slot SET parent = 7 WHERE id = 2;
SET CONSTRAINTS slot_now_and_later_key IMMEDIATE;
SAVEPOINT before;
SET CONSTRAINTS slot_later_key IMMEDIATE;
ROLLBACK TO before;
SET CONSTRAINTS slot_parent_fkey IMMEDIATE;
ROLLBACK TO before;
UPDATE slot SET later = 3 WHERE id = 1;
UPDATE slot SET parent = 1 WHERE id = 2;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE slot SET later = 2 WHERE id = 1;
COMMIT;
BEGIN READ ONLY;
SET CONSTRAINTS ALL IMMEDIATE;
COMMIT;
BEGIN;
UPDATE slot SET later = 2 WHERE id = 1;
COMMIT;
SELECT id, now_and_later, later, parent FROM slot ORDER BY id;

-- DISTINCT ON sorts by what it compares
SELECT DISTINCT ON (v) v FROM (VALUES (3), (NULL), (1), (3), (2)) x (v);
SELECT DISTINCT ON (a, b) a, b, c FROM (VALUES (2, 'x', 1), (1, 'z', 2), (2, NULL, 3), (1, 'y', 4), (2, 'x', 5)) x (a, b, c) ORDER BY a DESC;
SELECT DISTINCT ON (j #> '{k}') j #> '{k}' FROM (VALUES ('{"k": "m"}'::jsonb), ('{"i": 1}'), ('{"k": "m", "l": 1}')) x (j);

-- modes of transactions are told back
SHOW transaction_deferrable;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SHOW transaction_deferrable;
COMMIT AND CHAIN;
SHOW transaction_deferrable;
SET TRANSACTION NOT DEFERRABLE;
SHOW transaction_deferrable;
ROLLBACK;
SET SESSION CHARACTERISTICS AS TRANSACTION DEFERRABLE;
SHOW transaction_deferrable;
SELECT current_setting('default_transaction_deferrable');
RESET default_transaction_deferrable;
