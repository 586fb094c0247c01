-- Rows as JSON without a plan (extension/pg/row_json.hpp), byte for byte what the server's row_to_json() writes.
BEGIN;
SET search_path = public, pg_temp;
SELECT plan(14);

CREATE TYPE public.mood AS ENUM ('sad', 'glad "so"');
CREATE TABLE public.every (
  id int, b bool, i2 int2, i8 int8, f8 float8, f4 float4, n numeric, t text, v varchar(50), c char(9), j json, jb jsonb,
  d date, ts timestamp, tz timestamptz, u uuid, a text[], m mood, r int4range, by bytea, iv interval, gone int, "odd ""name" text
);
ALTER TABLE public.every DROP COLUMN gone;
INSERT INTO public.every VALUES
  (1, true, -32768, 9223372036854775807, 0.1::float8 + 0.2, 1.5, 123.4500, E'a "quote", a \\ and \t\n\r\b\f\x01\x1f\x7f', 'é 日本 🎈 </script>', 'pad', '{"a" : [1, 2]}',
   '{"b": null}', '2027-01-02', 'infinity', '2027-01-02 03:04:05.678+02', '12345678-1234-5678-1234-567812345678', '{a,NULL,"x y"}', 'glad "so"', '[1,5)', '\xdeadbeef', '1 day', 'x'),
  (2, false, 0, -9223372036854775808, 'NaN', 'Infinity', 'NaN', '', '', '', '[]', '[]', '-infinity', '0044-03-15 BC', '-infinity', NULL, '{}', 'sad', 'empty', '', '0', E'\u2028'),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (4, true, 1, 100000000, 1e-300, 1e30, 1e30, repeat('€"', 5000), 'x', 'y', '1', '2', 'epoch', 'epoch', 'epoch', NULL, ARRAY[repeat('z', 9000)], NULL, NULL, NULL, NULL, 'y'),
  (5, true, 1, 99999999, -0.0, 0, 0, 'x', 'x', 'x', 'null', 'null', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'y');
INSERT INTO public.every (id, f8) SELECT 100 + i, (random() - 0.5) * 10::float8 ^ (i % 40 - 20) FROM generate_series(1, 400) i;

CREATE FUNCTION pg_temp.ours() RETURNS text LANGUAGE sql AS $$
  SELECT tenfold._rows_json('public.every', (SELECT array_agg(attname ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'public.every'::regclass AND attnum > 0 AND NOT attisdropped),
    (SELECT array_agg(ctid ORDER BY id DESC) FROM public.every))::text $$;
CREATE FUNCTION pg_temp.theirs() RETURNS text LANGUAGE sql AS $$ SELECT json_agg(e ORDER BY id DESC)::text FROM public.every e $$;

SELECT ok(pg_temp.ours() = pg_temp.theirs(), 'every type, NULLs, quotes, control characters, what lies in TOAST');
SET LOCAL extra_float_digits = -2;
SELECT ok(pg_temp.ours() = pg_temp.theirs(), 'numbers go by extra_float_digits');
RESET extra_float_digits;
SET LOCAL DateStyle = 'German';
SET LOCAL TimeZone = 'Asia/Kolkata';
SELECT ok(pg_temp.ours() = pg_temp.theirs(), 'times go by the time zone');
RESET DateStyle;

SELECT is(tenfold._rows_json('public.every', '{id}', '{}')::text, '[]', 'no row, an empty array');
SELECT is(tenfold._rows_json('public.every', '{id}', ARRAY['(0,0)', '(999999,1)', NULL, '(0,999)']::tid[])::text, '[]', 'a place where no row is');
SELECT is(tenfold._rows_json('public.every', '{t,id}', (SELECT array_agg(ctid) FROM public.every WHERE id = 3))::text, '[{"t":null,"id":3}]', 'columns in the order asked for');
SELECT ok(tenfold._rows_json('public.every', NULL, '{}') IS NULL, 'NULL gives NULL');

-- A version that was updated or deleted meanwhile is not what the snapshot sees.
CREATE TEMP TABLE old AS SELECT id, ctid AS version FROM public.every WHERE id IN (1, 2, 3);
UPDATE public.every SET t = 'new' WHERE id = 1;
DELETE FROM public.every WHERE id = 2;
SELECT is(tenfold._rows_json('public.every', '{id}', (SELECT array_agg(version ORDER BY id) FROM old))::text, '[{"id":3}]', 'gone versions are left out');
SELECT is(tenfold._rows_json('public.every', '{id,t}', (SELECT array_agg(ctid) FROM public.every WHERE id = 1))::text, '[{"id":1,"t":"new"}]', 'the new one is there');

SELECT throws_ok($$SELECT tenfold._rows_json('public.every', '{id,gone}', '{}')$$, '42804', NULL, 'a dropped column');
SELECT throws_ok($$SELECT tenfold._rows_json('pg_catalog.pg_views', '{viewname}', '{}')$$, '42809', NULL, 'a view holds no rows');
ALTER TABLE public.every OWNER TO tenfold_owner;
GRANT EXECUTE ON FUNCTION tenfold._rows_json TO tenfold_anonymous;
SET LOCAL ROLE tenfold_anonymous;
SELECT throws_ok($$SELECT tenfold._rows_json('public.every', '{id}', '{}')$$, '42501', NULL, 'without SELECT');
RESET ROLE;
GRANT SELECT ON public.every TO tenfold_anonymous;
ALTER TABLE public.every ENABLE ROW LEVEL SECURITY;
SET LOCAL ROLE tenfold_anonymous;
SELECT throws_ok($$SELECT tenfold._rows_json('public.every', '{id}', '{}')$$, '0A000', NULL, 'with row-level security');
RESET ROLE;
SELECT ok(NOT has_function_privilege('tenfold_worker', 'tenfold._rows_json(regclass, text[], tid[])', 'EXECUTE'), 'not for everybody');
SELECT * FROM finish();
ROLLBACK;
