CREATE TABLE tenfold.provider (
  provider_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE CONSTRAINT name_is_word CHECK (name ~ '^[a-z][a-z0-9_]{0,39}$'),
  failures_in_a_row int NOT NULL DEFAULT 5 CONSTRAINT row_in_range CHECK (failures_in_a_row BETWEEN 1 AND 1000000),
  rate_window interval NOT NULL DEFAULT '10 s' CONSTRAINT window_in_range CHECK (rate_window BETWEEN '1 s' AND '60 s'),
  minimum_calls int NOT NULL DEFAULT 20 CONSTRAINT minimum_in_range CHECK (minimum_calls BETWEEN 1 AND 1000000),
  failure_rate double precision NOT NULL DEFAULT 0.5 CONSTRAINT failure_rate_in_range CHECK (failure_rate > 0 AND failure_rate <= 1),
  slow_after interval NOT NULL DEFAULT '3 s' CONSTRAINT slow_in_range CHECK (slow_after BETWEEN '1 ms' AND '1 hour'),
  slow_rate double precision NOT NULL DEFAULT 0.8 CONSTRAINT slow_rate_in_range CHECK (slow_rate > 0 AND slow_rate <= 1),
  open_for interval NOT NULL DEFAULT '5 s' CONSTRAINT open_in_range CHECK (open_for BETWEEN '1 ms' AND open_at_most),
  open_factor double precision NOT NULL DEFAULT 2 CONSTRAINT factor_in_range CHECK (open_factor BETWEEN 1 AND 10),
  open_at_most interval NOT NULL DEFAULT '5 min' CONSTRAINT most_in_range CHECK (open_at_most <= '1 day'),
  open_jitter double precision NOT NULL DEFAULT 0.2 CONSTRAINT jitter_in_range CHECK (open_jitter BETWEEN 0 AND 1),
  probes int NOT NULL DEFAULT 1 CONSTRAINT probes_in_range CHECK (probes BETWEEN 1 AND 8),
  successes_to_close int NOT NULL DEFAULT 2 CONSTRAINT successes_in_range CHECK (successes_to_close BETWEEN 1 AND 1000),
  permit_life interval NOT NULL DEFAULT '30 s' CONSTRAINT life_in_range CHECK (permit_life BETWEEN '1 ms' AND '1 day'),
  quota_per_day int CONSTRAINT quota_in_range CHECK (quota_per_day >= 0),
  quota_block int NOT NULL DEFAULT 10 CONSTRAINT block_in_range CHECK (quota_block BETWEEN 1 AND 1000000),
  time_zone text NOT NULL DEFAULT 'UTC' CONSTRAINT zone_is_known CHECK ((timestamp '2000-01-01' AT TIME ZONE time_zone) IS NOT NULL),
  spacing_per_minute numeric CONSTRAINT spacing_in_range CHECK (spacing_per_minute BETWEEN 0.001 AND 1000000),
  spacing_burst int NOT NULL DEFAULT 1 CONSTRAINT burst_in_range CHECK (spacing_burst BETWEEN 1 AND 1000000)
);
COMMENT ON TABLE tenfold.provider IS
  'whom our workers call, and how much he may be asked. Change the rows as you like: the next call knows';
COMMENT ON COLUMN tenfold.provider.failures_in_a_row IS 'as many open the breaker';
COMMENT ON COLUMN tenfold.provider.rate_window IS 'whose calls make the rates; whole seconds';
COMMENT ON COLUMN tenfold.provider.minimum_calls IS 'within the window, before a rate opens it';
COMMENT ON COLUMN tenfold.provider.failure_rate IS 'a share of failures that opens it';
COMMENT ON COLUMN tenfold.provider.slow_after IS 'a successful call that took as long was slow';
COMMENT ON COLUMN tenfold.provider.slow_rate IS 'a share of slow calls that opens it';
COMMENT ON COLUMN tenfold.provider.open_for IS 'the first time; each further time in a row open_factor times as long, at most open_at_most';
COMMENT ON COLUMN tenfold.provider.open_jitter IS '0.2: from 80 to 120 percent of that time';
COMMENT ON COLUMN tenfold.provider.probes IS 'calls at a time that may try whether it works again';
COMMENT ON COLUMN tenfold.provider.permit_life IS 'a try that is not reported for so long is given to another; longer than any call';
COMMENT ON COLUMN tenfold.provider.quota_per_day IS 'calls; NULL: unlimited';
COMMENT ON COLUMN tenfold.provider.quota_block IS 'calls that are reserved at once; a crash of the server loses at most one block';
COMMENT ON COLUMN tenfold.provider.time_zone IS 'in which the provider''s day begins';
COMMENT ON COLUMN tenfold.provider.spacing_per_minute IS 'calls; NULL: unlimited';

CREATE FUNCTION tenfold._provider_changed() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._relation_changed(TG_RELID::bigint);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION tenfold._provider_changed IS 'tells every backend at commit that the providers changed';

CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tenfold.provider
  FOR EACH STATEMENT EXECUTE FUNCTION tenfold._provider_changed();

CREATE TABLE tenfold.breaker_event (
  event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  provider text NOT NULL,
  at timestamptz NOT NULL,
  state text NOT NULL CONSTRAINT state_is_known CHECK (state IN ('open', 'closed')),
  reason text NOT NULL,
  calls int NOT NULL,
  failures int NOT NULL,
  slow int NOT NULL,
  open_for interval
);
COMMENT ON TABLE tenfold.breaker_event IS
  'each trip and each close of a breaker. It happens in shared memory, at once; the row is written by the transaction that caused it, or, if that rolls back or may not write, by the next one that acquires or reports. breaker_status counts those not yet written, and those lost because more than 8 waited; a crash of the server loses them with the breakers themselves';
COMMENT ON COLUMN tenfold.breaker_event.calls IS 'in the window that opened it';
CREATE INDEX breaker_event_at ON tenfold.breaker_event (at);

CREATE TABLE tenfold.quota_day (
  provider_id int NOT NULL,
  day date NOT NULL,
  reserved int NOT NULL DEFAULT 0 CONSTRAINT reserved_is_count CHECK (reserved >= 0),
  PRIMARY KEY (provider_id, day)
) WITH (fillfactor = 50);
COMMENT ON TABLE tenfold.quota_day IS
  'the calls reserved of each day, in blocks: what was called is never more. The part of the last block that is still to be called is in shared memory';
COMMENT ON COLUMN tenfold.quota_day.day IS 'in the provider''s time zone';
