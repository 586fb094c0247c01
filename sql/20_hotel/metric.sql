CREATE OR REPLACE FUNCTION hotel._metrics(OUT name text, OUT labels jsonb, OUT value double precision) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT s.* FROM tenfold._samples(jsonb_build_object('tenfold_hotels', tenfold._row_estimate('hotel.hotel'))) s $$;
COMMENT ON FUNCTION hotel._metrics IS 'the metrics of the hotels';

SELECT tenfold._forget_metrics('hotel');
SELECT tenfold._declare_metric('hotel', 'hotel._metrics()', 'tenfold_hotels', 'gauge',
  'hotels, those included that were removed within a month; an estimate when they are many');
