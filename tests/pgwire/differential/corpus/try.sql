create table t (a int, b text);
insert into t values (1, 'x'), (2, null) returning *;
copy t from stdin;
3	c
4	\N
\.
copy t to stdout;
select * from t order by b, a \; select 2;
select a as q_ from t limit 1 \gset p
select :pq_ as v, ':x', now(), 't'::regclass::oid;
--@ extended
--@ params ["1"]
select * from t where a = $1;
select nosuch;
begin;
select 1/0;
select 2;
rollback;
