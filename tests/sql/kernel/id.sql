-- Ids that route. Vectors by Python's hashlib and uuid, by RFC 9562, and by Postgres's own sha256(); the layout is also read
-- back by taking the written uuid apart.
BEGIN;
SET search_path = public, pg_temp;
SELECT * FROM no_plan();
CREATE FUNCTION pg_temp.hint_of(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  hint text;
BEGIN
  EXECUTE call;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN hint;
END $$;

-- python3: int.from_bytes(hashlib.sha256(key.encode()).digest()[:2], 'big') >> 6
SELECT is(tenfold.bucket_of_key(key), bucket, format('the bucket of text "%s"', key)) FROM (VALUES ('', 910), ('abc', 745),
  ('42', 461), ('größe', 845), ('2ed6657d-e927-568b-95e1-2665a8aea6a2', 449)) v(key, bucket);
SELECT is(tenfold.bucket_of_key(key), bucket, format('of number %s', key)) FROM (VALUES (42::bigint, 461), (-1, 110), (0, 383),
  (9223372036854775807, 717), (-9223372036854775808, 532)) v(key, bucket);
SELECT is(tenfold.bucket_of_key('2ED6657D-E927-568B-95E1-2665A8AEA6A2'::uuid), 449, 'of a uuid, however it was written');
SELECT is_empty($$SELECT key FROM (SELECT 'key ' || n FROM generate_series(1, 10000) n UNION ALL SELECT n::text FROM generate_series(1, 10000) n) k(key),
  sha256(convert_to(key, 'UTF8')) digest WHERE tenfold.bucket_of_key(key) <> get_byte(digest, 0) * 4 + get_byte(digest, 1) / 64$$,
  'of 20,000 keys, as Postgres''s sha256() has it');
SELECT is(count(DISTINCT tenfold.bucket_of_key(n)), 1024::bigint, 'numbers reach every bucket') FROM generate_series(1::bigint, 20000) n;

-- Ids of 53 bits.
CREATE SEQUENCE number;
SELECT is(tenfold.next_id('number', 0), 1::bigint, 'bucket 0 begins at 1');
SELECT is(tenfold.next_id('number', 1), (1::bigint << 43) + 2, 'the bucket is in bits 43 to 52');
SELECT setval('number', (1::bigint << 43) - 2);
SELECT is(tenfold.next_id('number', 1023), (1::bigint << 53) - 1, 'the last id of all');
SELECT is((id::double precision)::bigint, id, 'is exact as a double') FROM (VALUES ((1::bigint << 53) - 1)) v(id);
SELECT throws_ok($$SELECT tenfold.next_id('number', 0)$$, '2200H', NULL, 'after 2^43 - 1 there are no more');
SELECT ok(pg_temp.hint_of($$SELECT tenfold.next_id('number', 0)$$) <> '', 'and what to do is said');
CREATE SEQUENCE descending INCREMENT -1 START -1;
SELECT throws_ok($$SELECT tenfold.next_id('descending', 0)$$, '2200H', NULL, 'nor below 0');
CREATE SEQUENCE short MINVALUE 1 MAXVALUE 2 START 2;
SELECT is(tenfold.next_id('short', 0), 2::bigint, 'a short sequence has its last number');
SELECT throws_ok($$SELECT tenfold.next_id('short', 0)$$, '2200H', NULL, 'with a MAXVALUE, that is the end');
SELECT is((SELECT count(*) FROM generate_series(0, 1023) b WHERE tenfold.bucket_of((b::bigint << 43) + 7) = b), 1024::bigint, 'each id gives its bucket back');
SELECT is(tenfold.bucket_of((b::bigint << 43) + (1::bigint << 43) - 1), b, 'at its last number too') FROM unnest('{0,1,1023}'::int[]) b;

-- Bad input costs no number.
SELECT setval('number', 100);
SELECT throws_ok(format('SELECT tenfold.%s', call), '22023', NULL, call) FROM unnest(ARRAY['next_id($$number$$, -1)', 'next_id($$number$$, 1024)',
  'next_id($$number$$, 2147483647)', 'uuid_v7(-1)', 'uuid_v7(1024)', 'bucket_of(-1::bigint)', 'bucket_of(1::bigint << 53)', 'bucket_of(9223372036854775807)',
  'bucket_of($$00000000-0000-0000-0000-000000000000$$::uuid)', 'bucket_of($$2ed6657d-e927-568b-95e1-2665a8aea6a2$$::uuid)', 'bucket_of(gen_random_uuid())',
  'bucket_of($$017f22e2-79b0-7cc3-d8c4-dc0c0c07398f$$::uuid)']) call;
SELECT is(nextval('number'), 101::bigint, 'a refused bucket costs no number');
SELECT throws_ok($$SELECT tenfold.next_id('pg_class', 0)$$, '42809', NULL, 'a table is no sequence');
SELECT is(tenfold.next_id(NULL, 1), NULL, 'NULL in, NULL out') UNION ALL SELECT is(tenfold.bucket_of_key(NULL::text), NULL, 'NULL has no bucket');

-- python3: uuid.uuid5(uuid.NAMESPACE_DNS, 'www.example.com') …; the first is RFC 9562's A.4.
SELECT is(tenfold.uuid_v5(space::uuid, name), id::uuid, format('uuid5 of "%s"', left(name, 20))) FROM (VALUES
  ('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com', '2ed6657d-e927-568b-95e1-2665a8aea6a2'),
  ('6ba7b811-9dad-11d1-80b4-00c04fd430c8', '', '1b4db7eb-4057-5ddf-91e0-36dec72071f5'),
  ('6ba7b812-9dad-11d1-80b4-00c04fd430c8', 'größe', 'c8722a0f-5a4c-5923-a626-4d6d7e8866f7'),
  ('00000000-0000-0000-0000-000000000000', 'refund 1', 'b6b27e2c-7a5c-5179-984c-68261ade45cb'),
  ('6ba7b814-9dad-11d1-80b4-00c04fd430c8', repeat('x', 1000), '8f61a586-4256-50a9-9c5c-c33dc7cff218')) v(space, name, id);

-- Version 7: bucket, version, variant, clock; RFC 9562's A.6 read as ours has bucket 816.
SELECT is(tenfold.bucket_of('017f22e2-79b0-7cc3-98c4-dc0c0c07398f'::uuid), 816, 'the bucket of the RFC''s example, 0xCC3 / 4');
CREATE TEMP TABLE made AS SELECT n, n % 1024 AS bucket, tenfold.uuid_v7(n % 1024) AS id FROM generate_series(0, 20479) n;
SELECT is(count(*) FILTER (WHERE tenfold.bucket_of(id) = bucket), 20480::bigint, 'each uuid gives its bucket back') FROM made;
SELECT is(count(DISTINCT id), 20480::bigint, 'all are different') FROM made;
SELECT is_empty($$SELECT id FROM made WHERE id::text !~ '^.{14}7.{3}-[89ab]'$$, 'version 7, variant of the RFC');
SELECT is_empty($$SELECT id FROM (SELECT id, lag(id) OVER (PARTITION BY bucket ORDER BY n) AS before FROM made) m WHERE id <= before$$,
  'those of one bucket ascend');
CREATE TEMP TABLE one AS SELECT n, tenfold.uuid_v7(7) AS id FROM generate_series(1, 20000) n;
SELECT is_empty($$SELECT id FROM (SELECT id, lag(id) OVER (ORDER BY n) AS before FROM one) m WHERE id <= before$$, 'within one millisecond too');
SELECT cmp_ok(count(DISTINCT left(id::text, 13)), '<', 20000::bigint, 'of which there were some') FROM one;
SELECT ok(('x' || translate(left(tenfold.uuid_v7(1)::text, 13), '-', ''))::bit(48)::bigint
    BETWEEN floor(extract(epoch FROM now()) * 1000) AND floor(extract(epoch FROM clock_timestamp()) * 1000) + 1, 'the time is the server''s clock');
SELECT * FROM finish();
ROLLBACK;
