# Statements whose answers PostgreSQL 15 gave to make_golden; one a line, each part in a database of its own.

## expressions and queries
select 1
select 1+1, 2*3, 7/2, -7/2, 7%3, 2^3
select 1 where 1=2
select * from (values (1,'a'),(2,'b')) v(x,y) order by x desc
select x, count(*) from (values (1,'a'),(2,'b'),(1,'c')) v(x,y) group by x order by 1
select x, sum(x), avg(x), min(y), max(y) from (values (1,'a'),(2,'b'),(1,'c')) v(x,y) group by x order by 1
select sum(x), avg(x), count(*) from (values (1),(2),(null)) v(x)
select sum(x), avg(x) from (values (1.5),(2.25)) v(x)
select sum(x), avg(x) from (values (1.5::float8),(2.25)) v(x)
select * from generate_series(1,5) g
select * from generate_series(1,5) with ordinality g(a,b)
select g, generate_series(1,g) from generate_series(1,3) g
select generate_series(1,3), generate_series(1,2)
select * from generate_series(1,3) a, lateral (select a*10 as b) l
select * from generate_series(1,3) a, generate_series(1,a) b order by 1,2
select a, b from generate_series(1,3) a left join generate_series(2,4) b on a=b order by a
select a, b from generate_series(1,3) a full join generate_series(2,4) b on a=b order by a,b
select a, b from generate_series(1,3) a right join generate_series(2,4) b on a=b order by b
select * from (values (1,2)) a(x,y) join (values (1,3)) b(x,z) using (x)
select * from (values (1,2)) a(x,y) natural join (values (1,3)) b(x,z)
select * from (values (1,2),(5,6)) a(x,y) full join (values (1,3),(7,8)) b(x,z) using (x) order by x
with recursive t(n) as (select 1 union all select n+1 from t where n<5) select * from t
with a as (select 1 as x), b as (select x+1 as y from a) select * from a,b
select 1 union select 2 union all select 2 order by 1
select 1 union all select 2.5 order by 1
(select 1 intersect select 1) except select 2
select case when 1=1 then 'a' else 'b' end, coalesce(null,3), nullif(1,1), greatest(1,null,3), least(2,1)
select 1 in (1,2), 3 in (1,2), null in (1,2), 3 not in (1,null)
select 1 = any(array[1,2]), 1 <> all(array[1,2]), 5 > all(array[1,2]), 5 < any(array[1,null])
select (select max(x) from generate_series(1,3) x)
select (select x from generate_series(1,3) x)
select exists(select 1 where false), not exists(select 1 where false)
select 1 in (select x from generate_series(1,3) x), 5 in (select x from generate_series(1,3) x), 5 not in (select null::int)
select (1,2) in (select 1,2), (1,2)=(1,2), (1,2)<(1,3), row(1,null)=row(1,null)
select 2 > any(select x from generate_series(1,3) x), 2 > all(select x from generate_series(1,3) x)
select array(select x from generate_series(1,3) x order by x desc)
select array[1,2,3], (array[1,2,3])[2], (array[1,2,3])[2:3], array[[1,2],[3,4]]
select distinct x from (values (1.0),(1.00),(2)) v(x) order by x
select distinct on (x) x,y from (values (1,'a'),(2,'b'),(1,'c')) v(x,y) order by x,y desc
select x, row_number() over (order by x), rank() over (order by x), sum(x) over (order by x), lag(x) over (order by x), lead(x,1,0) over (order by x) from generate_series(1,4) x
select x, sum(x) over (partition by x%2 order by x rows between 1 preceding and current row) from generate_series(1,6) x order by x
select x%2, sum(x) from generate_series(1,6) x group by rollup(x%2) order by 1
select x%2 a, x%3 b, sum(x), grouping(x%2,x%3) from generate_series(1,6) x group by cube(x%2,x%3) order by 1,2,4
select x from generate_series(1,6) x order by x limit 2 offset 1
select x from generate_series(1,6) x order by x fetch first 2 rows with ties
select null limit null
select string_agg(x::text,',' order by x desc), array_agg(x order by x) from generate_series(1,3) x
select count(distinct x%2), sum(distinct x%2), string_agg(distinct (x%2)::text, ',') from generate_series(1,6) x
select count(*) filter (where x>2) from generate_series(1,6) x
select x from generate_series(1,3) x where x between 2 and 3 and not (x=2) or x is null
select 'abc' like 'a%', 'abc' ilike 'A%', 'abc' ~ 'b', 'abc' similar to 'a%'
select 1::text, '5'::int, 1.5::int, 'abc'::varchar(2), 'a'::char(3)||'b', 1.005::numeric(10,2)
select '2020-01-01'::date + 1, date '2020-01-31' + interval '1 month', timestamp '2020-01-01' - timestamp '2019-12-31'
select true and null, false and null, true or null, not null::bool, null is null, true is not false, null is unknown
select 1 is distinct from null, null is not distinct from null
select * from unnest(array[1,2,3]) with ordinality
select * from unnest(array[1,2],array['a','b','c']) t(a,b)
select * from rows from (generate_series(1,2), generate_series(5,7)) t(a,b)
select 2147483647+1
select 9223372036854775807+1
select 1/0
select 1 where false and 1/0=1
select percentile_cont(0.5) within group (order by x) from generate_series(1,4) x
select mode() within group (order by x) from (values (1),(2),(2)) v(x)
select bool_and(x>0), bool_or(x>3), every(x>1) from generate_series(1,3) x
select max(x) from (values ('a'),('b'),(null)) v(x)
select x, y from (values (1,'b'),(1,'a'),(null,'c')) v(x,y) order by x desc, y
select x from (values (1),(null),(2)) v(x) order by x nulls first
select t.x, s.y from generate_series(1,2) t(x), lateral (select sum(z) y from generate_series(1,t.x) z) s
select x+1, count(*) from generate_series(1,3) x group by x+1 order by x+1
select sum(x) from generate_series(1,3) x having sum(x) > 5
select 1 having true
select count(*) from generate_series(1,3) x group by () 
select (select count(*) from generate_series(1,x) y where y>1) from generate_series(1,3) x
select array_agg(x) from (select x from generate_series(1,5) x order by x desc) s
select jsonb_agg(x), json_agg(x) from generate_series(1,3) x
select '{"a":1}'::jsonb -> 'a', '{"a":{"b":2}}'::jsonb #>> '{a,b}'
select extract(year from date '2020-05-05'), date_trunc('month', timestamp '2020-05-05')
values (1,'a'),(2,'b') order by 1 desc
select x.a from (select 1 as a, 2 as b) x where x.b = 2
select row(1,2) is null, row(null,null) is null, row(1,null) is not null
select case x when 1 then 'one' when 2 then 'two' else 'many' end from generate_series(1,3) x
select abs(-5), round(2.5), round(2.567,2), floor(2.7), ceil(2.1), sqrt(4.0), power(2,3), mod(7,3)
select substr('hello',2,3), position('l' in 'hello'), trim('  a '), replace('aba','a','c'), overlay('abc' placing 'x' from 2 for 1)
select 1.0 = 1.00, 1.1 > 1, 0.1+0.2, 10*1.50, 1.0/3

## queries over a table
create table t(id int primary key, a text, n numeric(10,2))
insert into t values (1,'x',1.50),(2,'y',2.5),(3,null,null)
select t from t order by id
select row(1,'a b',null,'q"x'), (1,2)
select (t).a from t order by id
select (row(1,2)).f1
select t is null, t is not null from t order by id
select row(1,null) = row(1,null), row(1,2) < row(1,3), row(t.*) = row(t.*) from t order by id
select distinct t from t order by t
select array_agg(id order by id desc) from t
select count(*), count(n), sum(n), avg(n), min(n), max(n) from t
select n*2, n+1.5, n/3, n::int, n::text, -n, abs(n), round(n,1) from t order by id
select * from t a left join t b on a.id = b.id+1 order by a.id
select a.id, b from t a left join t b on a.id = b.id+1 order by a.id
select a.*, (select max(b.n) from t b where b.id < a.id) from t a order by id
select * from t where (id, a) in (select id, a from t)
select * from t where id = any(array(select id from t where n is not null)) order by 1
select id, case when n > 2 then 'big' when n > 1 then 'mid' else 'none' end from t order by id
select upper(a), coalesce(a,'?'), a like 'x%', a ~ '^x' from t order by id
select x.id from t x where exists (select 1 from t y where y.id = x.id + 1) order by 1
select id, lag(n) over (order by id), first_value(a) over (order by id), nth_value(a,2) over (order by id rows between unbounded preceding and unbounded following) from t order by id
select id, sum(n) over (order by id), count(*) over (), avg(n) over (partition by id%2) from t order by id
select ntile(2) over (order by id), percent_rank() over (order by id), cume_dist() over (order by id) from t order by id
with recursive r(i, s) as (select 1, 'a'::text union all select i+1, s||'b' from r where i < 4) select * from r
with recursive r(i) as (select 1 union select i%3+1 from r) select * from r order by 1
select * from (select id, a from t order by id desc limit 2) s order by id
select id from t union select 7 union all select 1 order by 1
select n from t union select 1.5 order by 1
select n from t except select 1.500 order by 1
(select id from t order by id limit 1) union all (select id from t order by id desc limit 1)
select max(id), a from t group by a order by a nulls first
select n, count(*) from t group by n having count(*) > 0 order by n
select id%2 as k, array_agg(a order by id) from t group by id%2 order by k
select id%2 as k, string_agg(a, ',' order by id) filter (where a is not null) from t group by 1 order by 1
select t.* from t, lateral (select id*2 as d) l where l.d > 2 order by id
select id, d from t, lateral (select id+g as d from generate_series(1,2) g) l order by 1,2
select id, d from t left join lateral (select y.id as d from t y where y.id > t.id order by 1 limit 1) l on true order by 1
select id, unnest(array[1,2]) from t where id<3 order by 1,2
select id, generate_series(1,id) from t order by 1,2
select generate_series(1,2), generate_series(10,13)
select count(*) from (select generate_series(1,10) g) s where g > 5
select generate_series(1,3) + 1
select sum(x) from (select unnest(array[1,2,3]) x) s
select (array[1,2,3])[2], (array[[1,2],[3,4]])[2][1], array[1,2] || 3, array_length(array[1,2,3],1), 2 = any(array[1,2]), array[1,2] = array[1,2]
select array_to_string(array[1,2,null],','), cardinality(array[1,2]), array_append(array[1],2), array_position(array[4,5],5)
select '2020-01-01'::date - '2019-12-31'::date, '2020-01-01'::timestamp + '1 day'::interval, age('2020-01-01'::timestamp,'2019-01-01')
select interval '1 month' = interval '30 days', interval '1 day' < interval '25 hours'
select date '2020-01-01' < timestamp '2020-01-01 00:00:01', date '2020-01-01' = timestamptz '2020-01-01'
select 'NaN'::float8 > 'Infinity', 'NaN'::float8 = 'NaN'::float8, 0.1::float8+0.2, 1e308::float8 * 10
select 1e15::float8, 2/3.0::float8, '-0'::float8, 1.5::float4
select 'a '::char(5) = 'a', length('a '::char(5)), 'x'::text = 'x ', octet_length('ab'::char(5))
select '{"a":1,"b":[1,2]}'::jsonb @> '{"a":1}', '{"a":1}'::jsonb || '{"b":2}', '{"a":1}'::json->>'a'
select '1.0'::jsonb = '1', '{"bb":1,"a":2}'::jsonb
select greatest(1.5,2), least('b','a'), nullif(1.0,1.00), greatest('2020-01-01'::date,'2019-01-01')
select 5 between 1 and 10, 5 not between symmetric 10 and 1, 3 in (1,2,null)
select true::text, 1::text, 1.50::text, '2020-01-01'::date::text, null::text
select * from (values (1,'a'),(2,'b')) as v(x,y) where (x,y) = (1,'a')
select * from generate_series(timestamp '2020-01-01', '2020-01-03', '1 day')
select * from generate_series(1,10,3)
select * from generate_series(3,1,-1)
select * from json_each('{"a":1,"b":2}')
select * from jsonb_array_elements('[1,2]')
select * from regexp_split_to_table('a,b',',')
select * from string_to_table('a,b',',')
select key, value from jsonb_each_text('{"a":1,"b":null}')
select a, b from (values (1,null),(null,2)) v(a,b) where a is distinct from b
select sum(v) from (values (1::float8),(2)) x(v)
select stddev(v), variance(v), corr(v,w) from (values (1,2),(2,3),(4,9)) x(v,w)
select percentile_disc(0.5) within group (order by v), rank(3) within group (order by v) from (values (1),(2),(4)) x(v)
select bit_and(v), bit_or(v) from (values (7),(3)) x(v)
select jsonb_object_agg(k,v) from (values ('a',1),('b',2)) x(k,v)
select row_to_json(t) from t order by id
select to_json(t.*) from t where id=1
select grouping(a), a, sum(n) from t group by rollup(a) order by 1,2
select a, id, sum(n) from t group by grouping sets ((a),(id),()) order by 1,2,3
select a from t group by a having max(n) > 2
select distinct on (id%2) id from t order by id%2, id desc
select count(distinct n), count(distinct a) from t
select t1.id from t t1 join t t2 using (id) order by id
select id, t2.a from t t1 full join (values (2,'q'),(9,'z')) t2(id,a) using (id) order by id
select * from t where a = 'x' or n is null order by id limit 1 offset 1
select 1 as a union all select null order by a nulls first
select exists(select from t)
select from t
select all id from t order by id fetch first row only
select id from t order by n desc nulls last, id
select id from t order by -id
select id as x from t order by x desc
select 'a' as "A b" , 2 "c"
select 2.0::float4 = 2.0::float8, 1.1::float4 = 1.1::float8
select 10 % 3, -10 % 3, 5 & 3, 5 | 3, 5 # 3, ~5, 1 << 4, 16 >> 2
select substring('hello' from 2 for 2), substring('foobar' from 'o.b'), split_part('a,b,c',',',2), translate('abc','ab','xy')
select to_char(1234.5,'9,999.99'), to_char(timestamp '2020-01-05','YYYY-MM-DD'), to_date('2020-01-05','YYYY-MM-DD')
select extract(epoch from timestamp '2020-01-01'), date_part('dow', date '2020-01-01'), date_trunc('year', timestamp '2020-05-05')
select timestamptz '2020-01-01 00:00+00' at time zone 'Europe/Berlin'
select now() = now(), current_date = now()::date, localtimestamp is not null

## aggregates, windows, sets
select percentile_disc(0.25) within group (order by x desc), percentile_cont(0.25) within group (order by x desc), mode() within group (order by x desc) from generate_series(1,8) x
select rank(3) within group (order by x desc), dense_rank(3) within group (order by x), percent_rank(3) within group (order by x), cume_dist(3) within group (order by x) from generate_series(1,8) x
select sum(x) over (order by d range between '1 day' preceding and current row), d from (values (1,date '2020-01-01'),(2,'2020-01-02'),(3,'2020-01-05')) v(x,d) order by d
select array_agg(distinct x order by x desc) from (values (1),(2),(2),(null)) v(x)
select string_agg(distinct x, ',' order by x) from (values ('b'),('a'),('b')) v(x)
select sum(distinct x), avg(distinct x) from (values (1.0),(1.00),(2)) v(x)
select count(distinct (x,y)) from (values (1,2),(1,2),(1,null)) v(x,y)
select (select sum(a.x) from (values (1)) b(y)) from (values (1),(2)) a(x)
select x, (select count(*) filter (where b.y > a.x) from (values (1),(2),(3)) b(y)) from (values (1),(2)) a(x) order by x
select x from (values (1),(2)) a(x) group by x having exists (select 1 where sum(a.x) > 1)
select array_agg(v) from (values (1,'a'),(2,'b')) v
select json_agg(v), row_to_json(v) from (values (1,'a')) v(x,y) group by v
select unnest(array[row(1,'a'),row(2,'b')]) is not null
select * from (select row(1,2) as r) s where s.r = row(1,2)
select (r).f1 from (select row(1,2) as r) s
select max(x) filter (where x < 3) over (), count(*) filter (where x > 1) over (order by x) from generate_series(1,4) x
select x, array_agg(x) over (order by x rows between 1 preceding and 1 following) from generate_series(1,4) x order by x
select x, string_agg(x::text,',') over (order by x) from generate_series(1,4) x order by x
select x, sum(x::numeric) over (order by x rows 1 preceding) from generate_series(1,4) x order by x
select x, avg(x) over (order by x rows 1 preceding) from generate_series(1,4) x order by x
select distinct sum(x) over () from generate_series(1,4) x
select 1 where exists (select 1 from generate_series(1,3) x having count(*) = 3)
select case when x = 1 then null else x end from generate_series(1,2) x
select coalesce(null, x, 1/0) from generate_series(1,2) x
select 1/(x-1) from generate_series(1,2) x where x > 1
select * from (select 1/x as y from generate_series(0,2) x where x > 0) s where y > 0
select x, lag(x, 2, -1) over (order by x), lead(x, -1) over (order by x) from generate_series(1,3) x order by x
select '{1,2,3}'::int[] @> '{1}', '{1,2}'::int[] && '{2}', '{{1,2},{3,4}}'::int[] = '{{1,2},{3,4}}'
select * from unnest('{{1,2},{3,4}}'::int[]) u
select 3 = any('{{1,2},{3,4}}'::int[]), null = any('{1}'::int[]), 1 = any(null::int[]), 1 = all('{}'::int[])
select x from generate_series(1,4) x where x = any('{2,3,9}') order by x
select x from generate_series(1,4) x where x <> all('{2,3,9}') order by x
select x from (values ('a'),('b')) v(x) where x in ('a','c')
select x from (values (1.0),(2.50)) v(x) where x in (1, 2.5)
select x from (values (1.5::float8),('NaN')) v(x) where x in ('NaN', 1.5) order by x
select (1,2) = any(select 1,2), (1,2) <> all(select 1,3)
select row(1,2) < row(1,3), row(1,2,3) >= row(1,2,null), row(1,null) < row(2,1)
select 1 as x union select 1.0 union select '1' order by 1
select null::int as x union all select null intersect select null
select 'a' as x except all select 'b'
select * from (values (1),(1),(2)) a(x) intersect all select * from (values (1),(1),(3)) b(y)
select * from (values (1),(1),(2)) a(x) except all select * from (values (1)) b(y)
select x, y from (values (1),(2)) a(x) cross join lateral (values (a.x * 2)) b(y) order by 1
select x, y from (values (1),(2)) a(x) left join lateral (select g from generate_series(1,a.x) g where g > 1) b(y) on true order by 1
select * from generate_series(1,2) a(x) join lateral generate_series(1,a.x) b(y) on b.y = a.x
select x, (array(select y from generate_series(1,x) y))[1:2] from generate_series(1,3) x order by x
with a as (select 1 as x), b as (select x from a union all select x+1 from a) select sum(x) from b
with recursive t(a,b) as (select 1, 1 union all select b, a+b from t where b < 50) select a from t
with recursive t(n) as (select 1.0 union select round(n+0.5) from t where n < 3) select * from t
with recursive t(n) as (select 1 union all (select n+1 from t where n < 3 order by 1 limit 1)) select * from t
select count(*) from (select distinct x%3 from generate_series(1,10) x) s
select x%3, count(*) from generate_series(1,10) x group by 1 order by 2 desc, 1
select x%3 as k, count(*) as c from generate_series(1,10) x group by k order by c desc, k limit 2
select grouping(a,b), a, b, count(*) from (values (1,2),(1,3)) v(a,b) group by cube(a,b) order by 1,2,3
select a, count(*) from (values (1),(null),(1)) v(a) group by grouping sets ((a),()) order by a nulls first, 2
select 'x' like 'X', 'x' ilike 'X', 'a_b' like 'a\_b', 'abc' like 'a%c', 'ab' not like '_'
select 'abc' ~ 'B', 'abc' ~* 'B', 'abc' !~ 'z', 'abc' similar to '(a|b)bc'
select 1::int2 + 1::int8, 1::int4 + 1.5, 1.5::float8 + 1, 2::int2 * 3::int2
select 32767::int2 + 1::int2
select -32768::int2
select (-32768)::int2, (-2147483648)::int4, (-9223372036854775808)::int8
select (-9223372036854775808)::int8 / -1
select 5 / 0.0
select 1 % 0
select abs(-32768::int4), sign(-3), 7::float8 / 2, 7 / 2.0

## changes of data
create table t(id int primary key, a text not null, n numeric(10,2) check (n > 0), m numeric unique)
insert into t values (1,'x',1.50,2.0)
insert into t values (2,'y',2.5,3.00),(3,'z',null,null) returning *
insert into t(id,a) select g,'g'||g from generate_series(10,13) g returning id, a
select * from t order by id
insert into t values (1,'x',1,9)
insert into t values (5,null,1,9)
insert into t values (5,'a',-1,9)
insert into t values (5,'a',1,2.00)
insert into t select 5,'a',1,2.00
insert into t select 5,'a',-1,2.00
update t set a = a||'!' where id < 3 returning id, a
update t set n = n + 1 returning id, n
update t set id = id + 1 where id < 3
update t set n = -5 where id = 2
update t set m = 2 where id = 2
update t set a = null where id = 2
select * from t where n = 2.5
select * from t where n > 2.4 order by id
select * from t where m = 2.0000
select * from t where m > 2.5
insert into t values (1,'conf',1,9) on conflict (id) do update set a = excluded.a || t.a returning *
insert into t values (1,'conf',1,9) on conflict do nothing returning *
insert into t values (50,'a',1,100),(50,'b',1,101) on conflict (id) do update set a = excluded.a
insert into t values (51,'a',1,2.000) on conflict (m) do update set a = 'dup' returning id
delete from t where id > 9 returning id
update t set a = s.v from (values (1,'one'),(2,'two')) s(k,v) where s.k = t.id returning t.id, a, s.v
delete from t using (values (3)) s(k) where s.k = t.id returning t.*, s.k
with x as (insert into t values (20,'cte') returning id) select x.id, (select count(*) from t where id=20) from x
select count(*) from t where id=20
with d as (delete from t where id=20 returning *) select id, a, (select count(*) from t where id=20) from d
with u as (update t set a='upd' where id=1 returning id, a) select u.a, t.a from u join t on t.id=u.id
create table p(id int primary key, v text)
create table c(id int primary key, pid int references p(id))
insert into p values (1,'a'),(2,'b')
insert into c values (1,1),(2,2)
insert into c values (3,99)
update c set pid=77 where id=1
delete from p where id=1
update p set id=5 where id=1
delete from c where id=1; delete from p where id=1
create table s(id serial primary key, v text default 'dflt', g int generated always as (id*2) stored)
insert into s(v) values ('a') returning *
insert into s default values returning *
insert into s(v) values ('b'),(default) returning *
update s set id=100 where v='a' returning *
merge into p using (values (2,'bb'),(9,'n')) q(i,w) on p.id=q.i when matched then update set v=q.w when not matched then insert values (q.i,q.w)
select * from p order by id
merge into p using (values (2,'bb'),(2,'n')) q(i,w) on p.id=q.i when matched then update set v=q.w
merge into p using (values (9,'bb')) q(i,w) on p.id=q.i when matched and v='n' then delete when matched then do nothing
select * from p order by id
create table node(id int primary key, parent int references node(id))
insert into node values (2,1),(1,null)
update t set a=(select max(a) from t) returning id,a
update p set (v) = (select 'zz') returning *
create unique index on p(lower(v))
insert into p values (77,'ZZ')
insert into p values (77,'ZZ') on conflict (lower(v)) do nothing
select id from p where lower(v)='zz'
create table dd(id int primary key deferrable)
insert into dd values (1),(2),(3)
update dd set id=id+1 returning *
insert into dd values (3)
insert into t values (60,'abc',99999999.999,1)
create table vc(a varchar(3), b char(4), d date, ts timestamptz, j jsonb, ar int[])
insert into vc values ('abcd','x')
insert into vc values ('abc   ','x','2020-01-01','2020-01-01 00:00+02','{"b":1,"a":2}','{1,2,3}') returning *
select a, length(b), b||'|', ar[2], j->'a' from vc
update vc set ar[5]=9 returning ar
update vc set j['z']='5' returning j
## traps of SQL over SQLite
select 7/0
select 7 % 0
select -7/2, -7 % 2
select 7%-2
select 2147483647+1
select -32768::int2
select 9223372036854775807+1
select 1e308::float8*10
select 'abc'::int
select ''::int
select ' 12 '::int
select 2.5::int, 2.5::float8::int
select round(2.5), round(2.5::float8)
select substr('hello',-1,3)
select substr('hello',2,-1)
select 'abc' like 'ABC', 'a_b' like 'a\_b'
select "nosuch"
select 1 where 1
select x from (values (1),(null),(2)) v(x) order by x
select x from (values (1),(null),(2)) v(x) order by x desc
select 1 in ('a')
select 'x' = 1
select '1'+'1'
select max(true)
select 1 union select 'a'
select 1 limit null
select 1 limit -1
select 1 offset -1
select (select x from generate_series(1,2) x)
select interval '1 month' = '30 days'
select 1.0/3, avg(x) from (values (1),(2)) v(x)
select '{"a":1,"a":2}'::json->'a'
select '1.0'::jsonb = '1', '{"bb":1,"a":2}'::jsonb
select json '{}' = json '{}'
select array[1,null] = array[1,null], (1,null) = (1,null)
select row(1,null) is null, row(1,null) is not null
select greatest(1,null,3)
select date '2024-01-31' + interval '1 month'
select (array[1,2])[5], array[1,2]||3
select distinct on (1) 1 from generate_series(1,2) g order by 2
select 'abc'::varchar(2)
select distinct x from (values (1.0),(1.00)) v(x)
select 1::bool, 'yes'::bool
select x+1 from generate_series(1,2) x group by x+1 order by 1
create table u(id int primary key)
insert into u values (1),(2),(3)
update u set id = id + 1
create table d(id int primary key deferrable)
insert into d values (1),(2),(3)
update d set id = id + 1 returning id
insert into u select id + 10 from u
select count(*) from u
with x as (insert into u values (99) returning id) select x.id, (select count(*) from u) from x
select id from u where id = 99
create table self(id int primary key, parent int references self)
insert into self values (2,1),(1,null)
insert into self values (3,9)
delete from self where id = 1
insert into u values (null)
insert into u select null from u limit 1
update u set id = null where id = 3
create table strict_parent(id int primary key, v text)
create table strict_child(p int references strict_parent on delete restrict on update restrict)
insert into strict_parent values (1,'a'),(2,'b')
insert into strict_child values (2)
delete from strict_parent
update strict_parent set id = id + 10
delete from strict_parent where id = 1 returning v
update strict_parent set (v, id) = (select 'z', 2) where id = 2 returning *
select * from jsonb_to_record('{"a": 1, "b": "x"}') as r (a int, b text)
select regexp_split_to_table(x,' ') as w, count(1) from (values ('a b'),('b c')) v(x) where x like '%b%' group by w order by 1
select json_each('{"a":1}'), (json_each('{"b":2}')).value
create table places(id int, f float8)
insert into places values (1, 2.5)
select id from places where f > 1.5::float8 and false
select id, f + 1.5 as g from places order by f + 1.5, id + 1.25
select unnest(array['a','b']) as u, count(*) from places group by 1 order by 1
create table owner(id int primary key)
create table owned(a int default 2 references owner on delete set default on update cascade, n int)
insert into owner values (1),(2)
insert into owned values (1, 10)
delete from owner where id = 1
select * from owned
delete from owner
alter table owned alter column a set default null
update owner set id = 7
select * from owned
delete from owner
select * from owned

## ranges and multiranges
select int4range(1,3), int4range(1,3,'(]'), int4range(null,null), numrange(1.5,2.50,'[]'), daterange('2020-01-01','2020-02-01'), tsrange(null, '2020-01-01')
select int4range(3,1)
select int4range(1,2,'x'), 1
select '[1,3)'::int4range @> 2, 2 <@ int4range(1,3), int4range(1,5) @> int4range(2,3), int4range(1,3) && int4range(2,5), int4range(1,2) << int4range(3,4), int4range(1,2) -|- int4range(2,3)
select int4range(1,5)+int4range(3,9), int4range(1,5)*int4range(3,9), int4range(1,5)-int4range(3,9), int4range(1,9)-int4range(3,4)
select int4range(1,9)+int4range(30,40)
select '[1,3)'::int4range = '[1,2]'::int4range, numrange(1.0,2)=numrange(1,2.0), '[1,2]'::numrange < '[1,3]'
select lower(int4range(1,3)), upper(int4range(1,3)), isempty('empty'::int4range), lower_inc(int4range(1,3)), upper_inf(int4range(1,null))
select '{[1,2),[5,6)}'::int4multirange, int4multirange(), int4multirange(int4range(1,2)), int4multirange(int4range(1,2), int4range(2,4)), multirange(int4range(1,2))
select '{[1,2),[5,6)}'::int4multirange @> 5, '{[1,2),[5,6)}'::int4multirange && int4range(3,9), '{[1,2),[5,6)}'::int4multirange - '{[5,9)}'::int4multirange, '{[1,2),[5,6)}'::int4multirange * '{[0,9)}', '{[1,2)}'::int4multirange+'{[7,8)}'
select unnest('{[1,2),[5,6)}'::int4multirange)
select range_merge('{[1,2),[5,6)}'::int4multirange), range_merge(int4range(1,2),int4range(7,8))
select range_agg(x) from (values (int4range(1,2)),(int4range(2,5)),(null)) t(x)
select range_agg(null::int4range), range_intersect_agg(null::int4range), range_agg(null::int4multirange)
select range_agg(x), range_intersect_agg(x) from (values (int4range(1,7)),(int4range(2,5)),(null)) t(x)
select '{"[1,3)",empty}'::int4range[], array[int4range(1,2), '[3,4)']
select '[a,b)'::int4range
select '[1,b'::int4range
select '[1,2,3)'::int4range
select '[1 2)'::int4range
select '{[1,2)'::int4multirange
select 'x'::int4range
select '[1,2) x'::int4range
select 'empty x'::int4range
select '{[1,2)} x'::int4multirange, 1
select '{1}'::int4multirange, 1
select '{[1,2) [3,4)}'::int4multirange, 1
create table rt(id int primary key, r numrange, m datemultirange, x int8range[])
insert into rt values (1,'[1,2.5)','{[2020-01-01,2020-02-01]}', array['[1,2)'::int8range]), (2,'empty','{}','{}'),(3,null,null,null),(4,'(,3]','{(,)}','{}')
select * from rt order by r, id
select r, count(*) from rt group by r order by r
select id from rt where r @> 2.0 order by id
select id from rt where r = '[1.0,2.50)' order by id
create index on rt(r)
select id from rt where r = numrange(1.0,2.5)
select pg_typeof(lower(r)), pg_typeof(m) from rt limit 1
select '[2020-01-01,2020-01-02]'::daterange, '["2020-01-01 00:00",]'::tstzrange, '[-infinity,infinity]'::daterange, '(5874897-12-31,]'::daterange
select '(2147483647,]'::int4range
select '[1,2147483647]'::int4range
select int4range(1,4)::text, '[1,2)'::text::int4range, int4range(1,2)::int4multirange
select to_json(int4range(1,4)), format('%s', int4range(1,2)), int4range(1,2) || 'x'
select range_agg(x) over () from (values (int4range(1,2))) t(x)
select max(int4range(1,2))
select distinct x from (values ('[1,2)'::numrange),('[1.0,2.0)')) t(x)
select array_agg(int4range(i,i+1)) from generate_series(1,3) i
select int4range(1,2) in (int4range(1,2), int4range(3,4)), int4range(1,2) = any(array[int4range(1,2)])
select coalesce(null, int4range(1,2)), case when true then int4range(1,2) end, row(int4range(1,2), 2)
select 1.5 <@ numrange(1,2), 1 <@ numrange(1,2)
select '[1,2]'::tsrange
select a, b, a <@ b, a @> b, a && b, a << b, a >> b, a &< b, a &> b, a -|- b from (values ('{[1,3),[5,7)}'::int4multirange, '{[7,9)}'::int4multirange), ('{}', '{[1,2)}'), ('{[1,2)}', '{(,)}'), ('{[1,2)}', '{[1,2)}')) v(a, b)
select a, b, a <@ b, a @> b, a && b, a << b, a >> b, a &< b, a &> b, a -|- b from (values ('[1,3)'::int4range, '{[3,9)}'::int4multirange), ('empty', '{[1,2)}'), ('[1,2)', '{(,)}'), ('[5,9)', '{[1,2),[5,6)}')) v(a, b)
select b, a, b <@ a, b @> a, b && a, b << a, b >> a, b &< a, b &> a, b -|- a from (values ('[1,3)'::int4range, '{[3,9)}'::int4multirange), ('empty', '{[1,2)}'), ('[1,2)', '{(,)}'), ('[5,9)', '{[1,2),[5,6)}')) v(a, b)
select a, b, a <@ b, a @> b, a && b, a << b, a >> b, a &< b, a &> b, a -|- b from (values ('[1,3)'::numrange, '[3,9)'::numrange), ('empty', '[1,2)'), ('[1,2)', '(,)'), ('(1,2)', '[2,3]'), ('(1,2)', '(2,3]')) v(a, b)
select int4multirange(null), int4multirange(array[null]::int4range[])
select '{[1.5,2],(2,3)}'::nummultirange, '{(1,2),(2,3)}'::nummultirange, lower('{}'::nummultirange), upper_inc('{[1,2]}'::nummultirange)
select '{[1,2),[5,6)}'::int4multirange < '{[1,2)}'::int4multirange, '{}'::int4multirange = int4multirange()

## composite types
create type addr as (street text, no int, w numeric(10,2), tags text[])
select row('q',1,2.5,null)::addr
create table person(id int primary key, a addr, b addr[])
insert into person values (1, row('x',1,1.239,array['p','q']), null), (2, ('y',2,null,'{}'), array[row('z',3,2.5,null)::addr]), (3,null,'{}')
insert into person values (4, '(abc,5,7.777,"{a,b}")', '{"(q,1,,)"}')
select * from person order by id
select (a).street, (a).w, a from person order by id
select a = row('x',1,1.24,array['p','q'])::addr from person order by id
select b[1], (b[1]).no from person order by id
update person set a = row('n',9,1.005,null) where id=1
select a from person where id=1
select a, count(*) from person group by a order by a
select * from person where a is null order by 1
select row('x',1,2.55555,null)::addr, ('(1,2,3,)'::addr).w, (row('x',1,2,null)::addr).*
select pg_typeof(a), a::text, to_json(a) from person order by id
create type outerc as (n int, a addr)
create table o(x outerc)
insert into o values (row(1, row('s',2,3.14159,null)))
select x, (x).a, ((x).a).w from o
drop type addr
select * from person order by id
create index on person(a)
select id from person where a = row('n',9,1.01,null)::addr
update person set a = null
select coalesce(a, row('d',1,1.119,null)) from person order by id limit 1
select case when true then row('d',1,1.119,null)::addr end
select max(x) from (select 'a' x) y
select array_agg(row('d',1,1.119,null)::addr)
select unnest(array[row('d',1,1.119,null)::addr, row('e',1,1.119,null)::addr])
select * from unnest(array[row('d',1,1.119,null)::addr, row('e',1,1.119,null)::addr])
