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
