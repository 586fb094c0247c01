-- The ledger: pending, then posted or voided; or direct, where nothing was pending. Ids are made of the operation, so a
-- transfer that is written twice is one.

CREATE OR REPLACE FUNCTION payment._pending_of(p payment.payment) RETURNS uuid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT t.transfer_id FROM unnest('{1:pending,1:pending:2}'::text[]) AS n(name)
  JOIN payment.transfer t ON t.merchant_id = p.merchant_id AND t.transfer_id = tenfold._uuid_v5(p.payment_id, n.name)
  WHERE NOT EXISTS (SELECT FROM payment.transfer e WHERE e.merchant_id = p.merchant_id
    AND e.transfer_id = tenfold._uuid_v5(t.transfer_id, 'end'))
$$;
COMMENT ON FUNCTION payment._pending_of IS 'the pending transfer of a payment that has not ended; NULL: none';

CREATE OR REPLACE FUNCTION payment._end_pending(p payment.payment, phase text, amount_minor bigint) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  pending uuid := payment._pending_of(p);
BEGIN
  IF pending IS NULL THEN
    RETURN false;
  END IF;
  INSERT INTO payment.transfer (merchant_id, transfer_id, payment_id, amount_minor, currency, debit, credit, phase, pending_id)
    VALUES (p.merchant_id, tenfold._uuid_v5(pending, 'end'), p.payment_id, $3, p.currency, 'providers', 'merchant', $2, pending);
  RETURN true;
END
$$;
COMMENT ON FUNCTION payment._end_pending IS 'posts or voids the pending transfer of a payment; false: there is none';

CREATE OR REPLACE FUNCTION payment._begin_pending(p payment.payment) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO payment.transfer (merchant_id, transfer_id, payment_id, amount_minor, currency, debit, credit, phase)
    VALUES (p.merchant_id, tenfold._uuid_v5(p.payment_id, '1:pending:2'), p.payment_id, p.amount_minor, p.currency, 'providers', 'merchant', 'pending')
$$;
COMMENT ON FUNCTION payment._begin_pending IS 'a new pending transfer, of a payment that was authorized after it had failed';

CREATE OR REPLACE FUNCTION payment._transfer(p payment.payment, number int, amount_minor bigint, is_refund boolean) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO payment.transfer (merchant_id, transfer_id, payment_id, amount_minor, currency, debit, credit, phase)
    VALUES (p.merchant_id, tenfold._uuid_v5(p.payment_id, $2 || ':direct'), p.payment_id, $3, p.currency,
      CASE WHEN is_refund THEN 'merchant' ELSE 'providers' END, CASE WHEN is_refund THEN 'providers' ELSE 'merchant' END, 'direct')
    ON CONFLICT ON CONSTRAINT transfer_pkey DO NOTHING;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION payment._transfer IS 'a direct transfer for an operation; false: it was written before';

-- What moved, by account: pending transfers move nothing until they are posted.
CREATE OR REPLACE FUNCTION payment._movements(merchant bigint, since timestamptz, until timestamptz,
  OUT account text, OUT currency text, OUT minor bigint) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT a.account, t.currency, sum(a.sign * t.amount_minor)::bigint
  FROM payment.transfer t CROSS JOIN LATERAL (VALUES (t.debit, -1), (t.credit, 1)) AS a(account, sign)
  WHERE t.merchant_id = $1 AND t.at >= $2 AND t.at < $3 AND t.phase IN ('post', 'direct') GROUP BY 1, 2
$$;
COMMENT ON FUNCTION payment._movements IS 'what transfers of a time moved to and from each account of a merchant: credits less debits';

CREATE OR REPLACE FUNCTION payment.balances(merchant_id bigint, OUT account text, OUT currency text, OUT minor bigint) RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER  -- operators read balances, and no ledger
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  folded timestamptz := coalesce((SELECT max(b.folded_to) FROM payment.balance b WHERE b.merchant_id = $1), '-infinity');
BEGIN
  RETURN QUERY SELECT u.account, u.currency, sum(u.minor)::bigint FROM (
      (SELECT DISTINCT ON (b.account, b.currency) b.account, b.currency, b.minor FROM payment.balance b
        WHERE b.merchant_id = $1 ORDER BY b.account, b.currency, b.folded_to DESC)
      UNION ALL SELECT m.* FROM payment._movements($1, folded, 'infinity') m) u(account, currency, minor) GROUP BY 1, 2 ORDER BY 1, 2;
END
$$;
REVOKE EXECUTE ON FUNCTION payment.balances FROM PUBLIC;
COMMENT ON FUNCTION payment.balances IS 'what each account of a merchant holds, in minor units: the last fold, and the transfers since. Over all accounts of a currency they sum to 0';

-- A transfer's time is read after its transaction has its id. So once all transactions are over that had theirs at limit_at, what is before it is complete.
CREATE OR REPLACE FUNCTION payment.fold_ledger() RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  began CONSTANT timestamptz := clock_timestamp();  -- before the snapshot whose limit stands beside it
  safe timestamptz := (SELECT max(m.limit_at) FROM payment.fold_mark m WHERE m.limit_xid <= pg_snapshot_xmin(pg_current_snapshot()));
  folded bigint := 0;
BEGIN
  DELETE FROM payment.fold_mark m WHERE m.limit_at <= safe OR m.limit_xid > pg_snapshot_xmax(pg_current_snapshot());  -- of another cluster
  IF safe IS NOT NULL THEN
    WITH since AS (
      SELECT coalesce(max(b.folded_to), '-infinity') AS at FROM payment.balance b
    ), moved AS (
      SELECT t.merchant_id, a.account, t.currency, sum(a.sign * t.amount_minor)::bigint AS minor
      FROM payment.transfer t CROSS JOIN LATERAL (VALUES (t.debit, -1), (t.credit, 1)) AS a(account, sign)
      WHERE t.at >= (SELECT s.at FROM since s) AND t.at < safe AND t.phase IN ('post', 'direct') GROUP BY 1, 2, 3
    )
    INSERT INTO payment.balance (merchant_id, account, currency, folded_to, minor)
      SELECT m.merchant_id, m.account, m.currency, safe, m.minor + coalesce((SELECT b.minor FROM payment.balance b
        WHERE (b.merchant_id, b.account, b.currency) = (m.merchant_id, m.account, m.currency) ORDER BY b.folded_to DESC LIMIT 1), 0)
      FROM moved m;
    GET DIAGNOSTICS folded = ROW_COUNT;
  END IF;
  INSERT INTO payment.fold_mark VALUES (began, pg_snapshot_xmax(pg_current_snapshot())) ON CONFLICT DO NOTHING;
  RETURN folded;
END
$$;
COMMENT ON FUNCTION payment.fold_ledger IS 'sums up the transfers that no open transaction can add to any more: a new row of payment.balance for each account that moved; gives their number';
