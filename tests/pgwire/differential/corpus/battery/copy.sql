-- COPY in and out, text and CSV.
CREATE TABLE c (a int, b text, n numeric, d date DEFAULT '2024-01-01');
COPY c FROM STDIN;
1	one	1.10	2024-02-29
2	\N	\N	\N
3	tab\there\nnew\\back	3	infinity
\.
COPY c (a, b) FROM STDIN WITH (FORMAT csv);
4,"quoted, with ""quotes"""
5,
6,""
7,"two
lines"
\.
COPY c (b, a) FROM STDIN (FORMAT csv, HEADER, DELIMITER ';', NULL 'NULL', QUOTE '''');
b;a
'it''s';8
NULL;9
\.
COPY c (a, b) FROM STDIN WITH DELIMITER '|' NULL 'nil';
10|nil
11|x
\.
SELECT * FROM c ORDER BY a;
COPY c TO STDOUT;
COPY c TO STDOUT (FORMAT csv);
COPY c (b, a) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *);
COPY c TO STDOUT (FORMAT csv, NULL 'null', DELIMITER E'\t', FORCE_QUOTE (b));
COPY (SELECT a, b FROM c WHERE a < 3 ORDER BY a DESC) TO STDOUT;
COPY (SELECT 1, NULL, 'a,b', '', true) TO STDOUT (FORMAT csv);
COPY (SELECT E'a\tb\\c\nd\re', '\N', '\.') TO STDOUT;
COPY (VALUES (1), (2)) TO STDOUT WITH (HEADER);
COPY (INSERT INTO c (a) VALUES (50) RETURNING a) TO STDOUT;
COPY (SELECT a FROM c WHERE a = 1) TO STDOUT (FORMAT binary);
COPY c (a) FROM STDIN;
x
\.
COPY c (a) FROM STDIN;
1	2
\.
COPY c (a, b) FROM STDIN;
1
\.
COPY c (a) FROM STDIN (FORMAT csv);
"unterminated
\.
COPY c FROM STDIN (FORMAT nosuch);
COPY c FROM STDIN (DELIMITER 'ab');
COPY c FROM STDIN (FORMAT csv, QUOTE '""');
COPY nosuch FROM STDIN;
COPY c (nosuch) FROM STDIN;
COPY c (a, a) FROM STDIN;
COPY c TO STDOUT (FORMAT text, FORCE_QUOTE *);
COPY (SELECT nosuch) TO STDOUT;
COPY c (a) FROM STDIN WHERE a > 101;
100
101
102
\.
SELECT count(*), max(a) FROM c;
BEGIN;
COPY c (a) FROM STDIN;
200
\.
ROLLBACK;
SELECT count(*) FROM c WHERE a = 200;
CREATE TABLE strict (id int PRIMARY KEY, v int NOT NULL CHECK (v > 0));
COPY strict FROM STDIN;
1	1
1	2
\.
COPY strict FROM STDIN;
1	\N
\.
COPY strict FROM STDIN;
1	0
\.
COPY strict FROM STDIN (FORMAT csv, HEADER MATCH);
id,x
1,1
\.
COPY strict FROM STDIN;
1	5
\.
SELECT * FROM strict;
COPY strict TO '/nosuch/file';
COPY pg_am (amname, amtype) TO STDOUT;
CREATE VIEW v AS SELECT a FROM c;
COPY v TO STDOUT;
COPY (TABLE v ORDER BY a LIMIT 1) TO STDOUT;
DROP VIEW v;
DROP TABLE c, strict;
