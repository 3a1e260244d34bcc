select * from t
select t from t
select (t).a, (t.p).first, (p).second, (p).nosuch from t
select p.first from t
select t.nosuch from t
select t.p.first from t
select (p).* from t
select a, count(*) from t group by b
select b, d, count(*) from t group by a
select b from t group by lower(b)
select lower(b) from t group by lower(b)
select a + 1 from t group by a + 1
select a + 2 from t group by a + 1
select (select t.a from u limit 1) from t group by b
select a, sum(c) from t group by rollup (a), cube (b)
select grouping(a), grouping(b), a from t group by grouping sets ((a), (b), ())
select grouping(c) from t group by a
select grouping(a) from t
select count(*) filter (where a > 1), sum(c) filter (where b) from t
select array_agg(distinct a order by a desc) from t
select array_agg(distinct a order by b) from t
select string_agg(b, ',' order by a) from t
select sum(distinct c), avg(c), min(d), max(b), min(m) from t
select percentile_cont(0.5) within group (order by a), mode() within group (order by b) from t
select percentile_cont(array[0.5, 0.9]) within group (order by c) from t
select rank(1) within group (order by a) from t
select percentile_cont(0.5) from t
select count() from t
select count(a, b) from t
select sum(a) within group (order by a) from t
select upper(b) over () from t
select upper(distinct b) from t
select lag(a, 1, 0) over (partition by b order by a), ntile(3) over w, first_value(v) over w from t window w as (order by c)
select sum(a) over (w rows between 1 preceding and 2 following) from t window w as (partition by b order by a)
select sum(a) over (w order by b) from t window w as (order by a)
select sum(a) over w from t
select sum(a) over (order by d range between '1 day' preceding and current row) from t
select sum(a) over (order by b range between 1 preceding and current row) from t
select sum(a) over (order by a range between 1 preceding and 2.5 following) from t
select sum(a) over (groups 1 preceding) from t
select sum(a) over (order by a rows b preceding) from t
select count(distinct a) over () from t
select rank() over () from t where rank() over () = 1
select a from t order by b
select a as b from t order by b
select a from t order by 2
select a from t order by 'x'
select a from t order by nosuch
select distinct a from t order by b
select distinct on (b) a, b from t order by b, a
select distinct on (b) a, b from t order by a, b
select distinct f from t
select a from t order by f, e, m
select f = f, f < f, json '1' = json '1' from t
select p = p, p < p, row(a, b) = row(1, 'x') from t
select a from t group by f, m
select * from t join u using (a)
select * from t join u using (a) join s using (a)
select a from t join u using (a)
select t.a, u.a from t full join u using (a) where a = 1
select a from t, u
select t.a from t left join u on t.a = u.a and u.name = 'x'
select * from t join u using (nosuch)
select * from t join u using (a, a)
select * from t natural join u
select * from t natural join s
select x.* from (t join u using (a)) x
select j.a from t join u using (a) as j
select j.b from t join u using (a) as j
select * from (t cross join u) x (q, w)
select * from t as x (q, w, e, r, t, y, u, i, o, p, l)
select t.b from t as x (a)
select * from t join u on t.b
select * from t join u on nosuch = 1
select * from t, lateral (select * from u where u.a = t.a) x
select * from t, (select * from u where u.a = t.a) x
select * from t left join lateral (select t.b) x on true
select * from t right join lateral (select t.b) x on true
select * from t, t
select * from t, t as u
select * from generate_series(1, 3) g, lateral generate_series(1, g) h
select * from generate_series(1, 3) as g (n) where n > 1
select g from generate_series('2020-01-01'::timestamp, '2020-02-01', '1 day') g
select * from unnest(array[1, 2], array['a', 'b']) with ordinality as x (a, b, c)
select * from rows from (generate_series(1, 2), generate_series(1, 3)) as x (a, b)
select * from jsonb_to_recordset('[]') as x (a int, b text)
select * from jsonb_to_recordset('[]')
select * from jsonb_each('{}')
select * from jsonb_each_text('{}') as x
select * from upper('x')
select * from upper('x') as y
select * from json_populate_record(null::pair, '{}')
select * from current_date
select * from now() n
select * from pg_get_keywords() limit 1
select jsonb_each('{}')
select (jsonb_each('{}')).*
select unnest(e), a from t
select unnest(array[1, 2]) + 1 order by 1
select generate_series(1, 2) as g group by g
select a from t where generate_series(1, 2) = 1
select 1 union select 2.5 union all select 3
select 1, 'a' union select null, null
select 'a' union select 1
select a from t union select b from t
select a from t union select a, b from t
select a as x from t union all select id from u order by x limit 1
select a as x from t intersect select a from u except select 1
(select a from t order by b limit 1) union all (select 1)
select f from t union select f from t
select json '1' union select json '1'
select a from t union select a from t order by a + 1
select a from t union select a from t for update
values (1, 'a'), (2.5, null)
values (1), (1, 2)
values (1), ('a')
values (default)
select * from (values (1, 'a')) x (n, s) where s = 'a'
select column1 from (values (1), (2)) v order by column1
with x as (select 1 as n) select * from x, x y
with x (a, b) as (select 1) select * from x
with x as (select 1), x as (select 2) select 1
with x as (select * from y), y as (select 1) select * from x
with recursive x (n) as (values (1) union all select n + 1 from x where n < 5) select n from x
with recursive x (n) as (select 1 union all select n + 1 from x order by 1) select n from x
with recursive x (n) as (select n from x union select 1) select n from x
with recursive x (n) as (select 1 union select count(*) from x) select n from x
with recursive x (n) as (select 1 union select 2 from t left join x on true) select n from x
with recursive x (n) as (select 1 union select x.n from x, x y) select n from x
with recursive x (n) as (select 1 intersect select n from x) select n from x
with recursive x (n) as (select 1 union all select (select n from x)) select n from x
with recursive x (n) as (select 'a' union all select n || 'b' from x) select n from x
with recursive x (n) as (select 'a'::varchar union all select n || 'b' from x) select n from x
with recursive a as (select * from b), b as (select 1 as n) select n from a
with recursive a as (select * from b), b as (select * from a) select 1
select a from t where a in (select a from u)
select a from t where (a, b) in (select a, name from u)
select a from t where a in (select a, id from u)
select a from t where (a, b) = (select a, name from u)
select a from t where (a, b) < all (select a, name from u)
select a from t where a not in (1, 2, null)
select a from t where a in (1, 2.5, '3')
select a from t where a in (1, b)
select a from t where v in ('a', 'b') and k in ('a', 'b')
select a from t where a = any ('{1,2}') and b = all (array['x', 'y']) and a = any ($1)
select a from t where a = any (1)
select a from t where b = any (array[1, 2])
select a from t where exists (select 1 from u where u.a = t.a)
select (select a, b from t)
select (select a from t), array(select b from t), array(select e from t)
select a, (select max(u.id) from u where u.a = t.a) as n from t
select (select max(t.a) from u) from t
select (select sum(t.a + u.a) from u) from t
select a from t where sum(a) > 1
select a from t having true
select count(*) from t having a > 1
select sum(sum(a)) from t
select sum(a) from t limit sum(a)
select a from t limit a
select a from t limit null offset '1'
select a from t fetch first 3 rows with ties
select a from t order by a fetch first 3 rows with ties
select a from t for update of t skip locked
select a from t for update of nosuch
select a from t for update of public.t
select a from t, u x for share of t for update of x nowait
select distinct a from t for update
select count(*) from t for no key update
select a from t group by a for key share
select * from (select a from t) x for update
select * from generate_series(1, 2) g for update of g
select * from simple for update
select label, twice from simple where label = 'x'
select n from counted where b = 'x'
select simple from simple
select label from simple group by label
select b < a from t
select b collate "C" < b, b < v, v || k, b || 1, a || b from t
select b collate "C" < b collate "POSIX" from t
select s.b < t.b from s, t
select s.b from s union select t.b from t
select a collate "C" from t
select b collate "nosuch" from t
select "Quoted Name", "quoted name" from s
select s."Quoted Name" as "X y" from s
select $1 = a, $2 || b, $3::date, $1 from t
select a from t where b = $1 and a = $2 and d > $3 and e = $4 and f = $5 and m = $6 and c = $7 limit $8
select case when $1 then $2 else a end, coalesce($3, b) from t
select $1::int, $1 || 'x'
select $2::int
select * from pg_class, pg_attribute where attrelid = pg_class.oid and pg_attribute.attnum = -1
select nosuch.a from t
select public.t.a, public.t.* from public.t
select nosuch.t.a from t
select db.public.t.a from t
select a.b.c.d.e from t
select c.a from t c join u on c.a = t.a
select ctid, xmin, tableoid, t.cmax from t
select oid from t
select t.* from u
select u.* from t, u
select *
select nosuch.nosuch(1)
select public.nosuch(1)
select length(1), length('x'::bytea)
select abs('x'), abs('1')
select a.length from (select 'x'::text) a
select count(*) from t where a = 1 and b = 'x' or not (c > 1.5)
select (a = 1) is not true, b is null, (1, null) is null, p is not null from t
select a between 1 and '2', b not like 'x%', b ilike 'X', b similar to 'x', b ~ 'x' from t
select e[1], e[1:2], e[:], e[a], e['1'], e[b] from t
select a[1] from t
select f['a'], f['a']['b'], f[1], f[1:2] from t
select f -> 'a' ->> 'b', f #> '{a,b}', f @> '{"a":1}', f ? 'a' from t
select d + interval '1 day', d - d, d::date + 1, age(d), d at time zone 'UTC', extract(epoch from d) from t
select now() - '1 day', '2020-01-01' + interval '1 day', date '2020-01-01' + time '10:00'
select m, m::text, m = 'ok', m < 'happy', 'sad'::mood, m = 'nosuch' from t
select array[m, 'sad'], enum_range(m), enum_first(null::mood), m || '' from t
select row(a, b)::pair, (row(1, 'x')::pair).second from t
select row(1, 2, 3)::pair
select t.*::text from t
select row(t.*), count(t.*) from t group by t.*
select nullif(a, 'x'), nullif(b, 'y'), greatest(a, 1.5), least(d, 'now') from t
select array[a, c], array[1, 'x'], array['a', b], array[e, array[1]], array[]::text[] from t
select c, c + 1, c * c, c::numeric(5,1), sum(c), round(c, 1), -c from t group by c
select v, v || 'x', upper(v), v::varchar(3), v::text, k, k || 'x', k::text from t
select a::text::int, a::bigint, a::smallint, a::real, a::numeric, a::bool, a::oid, a::char, a::"char" from t
select a::date from t
select b::int, b::date, b::mood, b::int[], b::jsonb, b::varchar(2) from t
select 'x'::varchar(0)
select 1::int(3)
select 1::numeric(1001)
select '1'::numeric(3, 5), 'x'::char(2)::varchar
select f::text, f::int, f::json, '{}'::json::jsonb from t
select pg_typeof(a), pg_typeof('x'), pg_typeof(null) from t
select nextval('t'), currval('u_id_seq'), 't'::regclass, 'public.u'::regclass::oid
select to_regclass('t'), 'nosuch'::regclass
select current_user, session_user, current_catalog, current_schema, current_date, current_time, localtime, localtimestamp, current_timestamp(2)
select position('a' in b), substring(b from 1), substring(b, 'x'), trim(b), trim(leading 'x' from b), overlay(b placing 'x' from 1) from t
select concat(a, b, c), concat_ws(',', a, b), format('%s', variadic array[a]), greatest(variadic array[1]) from t
select jsonb_build_object('a', a, 'b', b), json_agg(t), to_jsonb(t), row_to_json(t) from t group by t.a
select make_date(2020, 1, 1), make_interval(hours => 1), make_interval(1, days => 2), make_interval(days => 2, 1)
select make_interval(days => 1, days => 2)
select xmlelement(name x), 1
select b'101'
select '(1,2)'::point
select 'a' = 'b', 1 = '1', null = 1, null = null, 'a' || null, 1 + null, - null
select 1 + 'x', 'x' + 1, date '2020-01-01' - 'x'
select not a from t
select a and true from t
select a from t where a
select a from t where null
select a from t where 'yes'
select a from t where $1
