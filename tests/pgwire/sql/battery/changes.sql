insert into t values (1)
insert into t (a, b) values (1, 'b'), (2, default)
insert into t (a, b) values (1, 'b'), (2)
insert into t (a, nosuch) values (1, 2)
insert into t (a, a) values (1, 2)
insert into t (a) values (1, 2)
insert into t (a, b) values (1)
insert into t (a, b) values ((1, 'b'))
insert into t (a) values ('x')
insert into t (a) values (true)
insert into t (a) values ($1), ($2) returning *
insert into t (a, c, v) values ($1, $2, $3) returning a, c + 1, v || 'x'
insert into t (d) values (1)
insert into t (m) values ('nosuch')
insert into t (m) values ('happy') returning m
insert into t (e[1], e[2]) values (1, 2)
insert into t (e[1:2]) values ('{1,2}')
insert into t (e[1]) values ('x')
insert into t (e[1]) values (default)
insert into t (ctid) values ('(0,1)')
insert into t select 1, 'x'
insert into t select 'x', 1
insert into t (a, b) select a, name from u
insert into t (a, b) select id, name from u
insert into t (a, b) select z, w from u
insert into t default values returning a as x, *
insert into u (id, a) values (1, 2)
insert into u (id, a) overriding system value values (1, 2)
insert into u (id, a) overriding user value values (1, 2)
insert into u (id, a) values (default, 2)
insert into u (g) values (1)
insert into u (g, a) values (default, 1)
insert into u (id, a) values (1, 2), (default, 3)
insert into u (h, a) values (1, 2), (default, 3)
insert into u select 1, 2
insert into nosuch values (1)
insert into t as x values (1) returning x.a
insert into t as x values (1) returning t.a
insert into t (a) values (1) on conflict do nothing
insert into t (a) values (1) on conflict (a) do nothing returning *
insert into t (a) values (1) on conflict (a) do update set b = excluded.b, c = t.c + 1 where t.a > $1
insert into t (a) values (1) on conflict (a) do update set b = b
insert into t (a) values (1) on conflict do update set b = 'x'
insert into t (a) values (1) on conflict (lower(b)) do nothing
insert into t (a) values (1) on conflict (v, c) where a > 5 do nothing
insert into t (a) values (1) on conflict on constraint t_pkey do nothing
insert into t (a) values (1) on conflict (a) do update set (b, c) = (excluded.b, 1)
insert into t (a) values (1) on conflict (a) do update set (b, c) = (select name, 1 from u)
insert into t (a) values (1) on conflict (a) do update set a = 'x'
insert into t (a) values (1) on conflict (nosuch) do nothing
insert into t (a) values (1) on conflict (a) do update set b = excluded.nosuch
insert into simple (a, label) values (1, 'x') returning *
insert into simple (a, twice) values (1, 2)
insert into counted values ('x', 1)
with x as (insert into t (a) values (1) returning a) select * from x
with x as (insert into t (a) values (1)) select * from x
with x as (select 1 as n) insert into t (a) select n from x returning a
select * from (with x as (insert into t (a) values (1) returning a) select * from x) y
update t set a = 1
update t set b = null where a = $1 returning *
update t set nosuch = 1
update t set a = 1, a = 2
update t set t.a = 1
update t set a = 'x'
update t set a = true
update t set c = a, d = default, b = default
update t set (b, c) = ('x', 1), a = 2
update t set (b, c) = (select name, 1 from u where u.a = t.a)
update t set (b, c) = (select name from u)
update t set (b, c) = ('x', 1, 2)
update t set (b, c) = (default, 1)
update t set e[1] = 2, e[3] = $1 where e[2] = 1
update t set e[1:2] = '{3,4}'
update t set f['a'] = '1'
update t set p.first = a
update t set b = name from u where u.a = t.a returning t.*, u.id
update t set b = name from u where a = 1
update t x set b = 'y' where t.a = 1
update t set b = sum(a)
update t set b = rank() over ()
update t set a = generate_series(1, 2)
update u set id = 1
update u set id = default, h = default
update u set g = 1
update u set g = default, a = 3
update t set a = 1 where b
update t set a = 1 where current of c
update simple set label = 'x' where a = 1 returning *
update simple set twice = 1
update counted set n = 1
update pg_class set relname = 'x'
delete from t
delete from t where a = $1 returning b, a + 1 as n
delete from t using u where t.a = u.a and u.name = 'x' returning t.a, u.*
delete from t as x where t.a = 1
delete from t where nosuch = 1
delete from t where count(*) > 1
delete from simple where label = 'x'
delete from counted
delete from t using t
merge into t using u on t.a = u.a when matched then update set b = u.name when not matched then insert (a, b) values (u.a, u.name)
merge into t using u on t.a = u.a when matched and u.id > 5 then delete when matched then do nothing when not matched then insert default values
merge into t using u on t.a = u.a when not matched then insert (a) values (t.a)
merge into t using u on t.a = u.a when matched then delete when matched then do nothing
merge into t using u on t.a = u.a when matched then update set a = 'x'
merge into t using u on t.a when matched then delete
merge into t as x using (select 1 as n) as y on x.a = y.n when matched then update set b = default
merge into t using t on true when matched then delete
