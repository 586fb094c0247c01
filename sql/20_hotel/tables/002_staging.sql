CREATE UNLOGGED TABLE hotel.staging (
  line bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  owner_id uuid NOT NULL DEFAULT coalesce(tenfold.current_subject(), '00000000-0000-0000-0000-000000000000'),
  reference text,
  name text,
  country text,
  city text,
  lat text,
  lng text,
  stars text,
  rating_average text,
  rating_count text,
  average_price_minor text,
  currency text,
  amenities text
);
COMMENT ON TABLE hotel.staging IS
  'COPY hotels into this, then CALL hotel.load_staging(). All text, so that a bad value rejects its row and not the COPY; amenities as {wifi,pool}';

CREATE TABLE hotel.staging_rejected (
  LIKE hotel.staging,
  problem text NOT NULL,
  rejected_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE hotel.staging_rejected REPLICA IDENTITY FULL;  -- a line may come twice, once the counter of staging begins anew
COMMENT ON TABLE hotel.staging_rejected IS 'rows of hotel.staging that were refused, and why. Mend them and copy them back';
CREATE INDEX staging_rejected_at ON hotel.staging_rejected (rejected_at);
