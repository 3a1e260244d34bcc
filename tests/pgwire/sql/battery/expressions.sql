select 1
select -32768::int2, 2147483648, 9223372036854775808, 0x10 is null
select nosuch from pg_class
select 'é', nosuch
select 1 where 1
select 1 in ('a')
select 'x' = 1
select '1' + '1'
select sum('a')
select max(true)
select 1 union select 'a'
select case when true then 1 else 'a' end
select relname, count(*) from pg_class
select count(*) from pg_class group by 1
select json '{}' = json '{}'
select distinct on (1) 1, relname from pg_class order by 2
select current_setting('nosuch')
select date '2024-01-31' - date '2024-01-01', sum(1), sum(1::int8), avg(1), count(*)
select array[1,2]||3, (array[1,2])[5], array[[1,2],[3,4]]
select greatest(1,null,3), least('a','b'), coalesce(null,1), nullif(1,2)
select row(1,null) is null, (1,2)=(3,4), (1,2)<(3,4)
select $1 + 1, $2::text, $3 || 'x'
select $1
select $1, $1::int
select $1::int, $1::text
select * from (select 1)
select * from (values (1,'a'),(2,'b')) v
select * from generate_series(1,3)
select * from generate_series(1,3) with ordinality as t(a,b)
select * from unnest(array[1,2], array['a','b']) x
select pg_typeof(1), now()::date, current_user, localtime(2)
select relname::text collate "C" from pg_class order by 1 desc nulls last limit 3 offset $1
select sum(relpages) over (partition by relkind order by relname rows 2 preceding) from pg_class
select rank() from pg_class
select rank() over w from pg_class window w as (order by relname)
select a.relname, b.attname from pg_class a join pg_attribute b on a.oid=b.attrelid where a.relname = 'x'
select * from pg_class a join pg_namespace b using (oid)
select * from pg_class natural join pg_namespace
select x.y from pg_class
select pg_class.relname from pg_class c
select relnam from pg_class
with recursive t(n) as (select 1 union all select n+1 from t where n<10) select sum(n) from t
with recursive t(n) as (select 1 union all select n+1.5 from t where n<10) select sum(n) from t
with recursive t as (select 1 from t) select * from t
select exists(select 1), 1 = any(select 2), array(select 1), (select 'x')
select (select 1,2)
select 1 = any(array[1,2]), 1 = any('{1,2}')
select f(1)
select upper(1)
select substr('abc', 1.5)
select round(1.5::float8, 2)
select extract(year from now()), date_part('year', now()), now() at time zone 'utc'
select interval '1' day, interval '1 day 2 hours' hour, time '10:00'
select '2020-13-01'::date
select 'a' like 'b' escape 'c', 'a' similar to 'b', 'a' ilike 'b'
select 1 between 2 and 3, 1 not between symmetric 3 and 2
select grouping(relkind), relkind, count(*) from pg_class group by rollup(relkind, relowner)
select string_agg(relname, ',' order by relname) filter (where relkind='r') from pg_class
select percentile_cont(0.5) within group (order by relpages) from pg_class
select count(distinct relkind), count(*) from pg_class having count(*) > 1
select relname from pg_class for update
select sum(1) from pg_class for update
select 1 order by 2
select relname as a, relkind as a from pg_class order by a
select 1 limit 'a'
select 1 limit relpages from pg_class
select * from pg_class, lateral (select pg_class.oid) x
select * from pg_class, (select pg_class.oid) x
select (x).a from (select row(1,2)) t(x)
select (t).oid from pg_class t
select t from pg_class t
select count(t) from pg_class t
select length(t.relname) from pg_class t
select t.length from (select 'a'::text) t
select 'a'::nosuch
select cast(1 as varchar(2)), 'abc'::varchar(2), 'x'::char(3), 1::numeric(5,2)
select now() + '1 day', now() - now(), '1 day'::interval * 2, 2 * '1 day'::interval
select concat('a', 1), format('%s', 1), json_build_object('a', 1), to_char(now(), 'YYYY')
select jsonb '{"a":1}' -> 'a', jsonb '{}' ->> 'a', (jsonb '{}')['a']
select lower(tsrange('2020-01-01','2020-01-02'))
select array_agg(x order by x) from unnest(array[3,1,2]) x
select true and 1
select not 'yes'
select a from (select 1 as a union select 2 order by 1) s
select 1 as x union select 2 order by y
select 1 as x union select 2 order by x+1
(select 1 union select 2) except select 3.5
select null union select 1
select null union select null union select 1
select 1, 2 union select 3
select oid, tableoid, ctid, xmin from pg_class
select * from pg_tables where schemaname='x'
select * from information_schema.columns limit 1
select pg_catalog.pg_get_userbyid(c.relowner) from pg_catalog.pg_class c where c.relname operator(pg_catalog.~) '^(x)$' collate pg_catalog.default
select 'pg_class'::regclass, 'nosuch'::regclass
select 1::regclass, 'int4'::regtype
select * from pg_class where oid = '123'
select '{1,2}'::int[], array[]::int[], array[]
select 1 / 0, 1.0::int, '1' || 2
select x.* from (select 1 a, 2 b) x
select *, * from (select 1 a) x
select row(x.*) from (select 1 a) x
select generate_series(1,2), generate_series(1,3)
select case when generate_series(1,2)=1 then 1 end
select sum(generate_series(1,2))
select sum(sum(1))
select sum(rank() over ())
select rank() over (order by rank() over ())
select sum(1) where sum(1)>0
select substring('abc' from 2 for 1), position('a' in 'b'), trim(both 'x' from 'y'), overlay('a' placing 'b' from 1)
select make_interval(days => 5, secs => 1)
select make_interval(dayss => 5)
select pg_sleep(1), version(), txid_current()
select 1::bool, 'yes'::bool, 1::int::text::varchar
select -1::int, - 1.5, +2, @ -3, 2^3, |/ 4
select 1 = 1.0, 1 < 2::int8, 'a' < 'b', 'a'::name = 'b'::text
select 5 !
select 1 is true
select null is unknown, null::bool is not true
select 'a' 'b'
select 1 as "A", 1 "select", true is not true
