-- Where the living rows of each line begin. tables/005_job.sql says why a claim costs the same for ever.

-- The newest mark of a line; a line without one begins at the beginning.
CREATE OR REPLACE FUNCTION tenfold._mark(queue_id int, priority int) RETURNS tenfold.job_mark
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT _mark.queue_id, _mark.priority::smallint, coalesce(m.mark_id, 0), coalesce(m.mark, '-infinity'), coalesce(m.safe_at, '-infinity'),
    coalesce(m.limit_at, '-infinity'), coalesce(m.limit_xid, '3')
  FROM (VALUES (1)) AS one LEFT JOIN LATERAL (
    SELECT * FROM tenfold.job_mark n WHERE n.queue_id = _mark.queue_id AND n.priority = _mark.priority ORDER BY n.mark_id DESC LIMIT 1) m ON true
$$;
COMMENT ON FUNCTION tenfold._mark IS 'where the living rows of a line begin, as far as is known';

CREATE OR REPLACE FUNCTION tenfold._first_in_line(line tenfold.job_mark) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET enable_seqscan = off  -- statistics of a queue are always of another time
SET enable_bitmapscan = off
SET plan_cache_mode = force_generic_plan  -- planning would look at the ends of the index, which are dead entries
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF line.queue_id = 0 THEN
    RETURN (SELECT r.leased_at FROM tenfold.job_running r WHERE r.leased_at >= line.mark ORDER BY r.leased_at LIMIT 1);
  END IF;
  RETURN (SELECT j.due_at FROM tenfold.job j WHERE j.queue_id = line.queue_id AND j.priority = line.priority AND j.due_at >= line.mark
          ORDER BY j.due_at LIMIT 1);
END
$$;
COMMENT ON FUNCTION tenfold._first_in_line IS 'the place of the first living row of a line, from its mark on; NULL: there is none';

-- now() is older than this transaction's id: who read the clock before now() has an id below it. A limit that no transaction
-- has reached came with a dump of another cluster: its time says nothing here.
CREATE OR REPLACE FUNCTION tenfold._move_mark(queue_id int, priority int) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  old tenfold.job_mark := tenfold._mark(queue_id, priority);
  next tenfold.job_mark := old;
  is_foreign boolean := old.limit_xid > pg_snapshot_xmax(pg_current_snapshot());
BEGIN
  IF is_foreign OR pg_snapshot_xmin(pg_current_snapshot()) >= old.limit_xid THEN
    next.safe_at := CASE WHEN is_foreign THEN old.safe_at ELSE greatest(old.safe_at, old.limit_at) END;
    next.limit_at := now();
    next.limit_xid := pg_current_xact_id();
  END IF;
  next.mark := greatest(old.mark, least(tenfold._first_in_line(old), next.safe_at));
  IF next <> old THEN
    INSERT INTO tenfold.job_mark VALUES (queue_id, priority, DEFAULT, next.mark, next.safe_at, next.limit_at, next.limit_xid);
  END IF;
END
$$;
COMMENT ON FUNCTION tenfold._move_mark IS 'moves the mark of a line up to its first living row, as far as nothing can appear before it any more';

CREATE OR REPLACE FUNCTION tenfold._check_marks() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  line tenfold.job_mark;
  seen timestamptz;
  first timestamptz;
BEGIN
  -- all or none: marks are rows of ours
  FOR line IN SELECT DISTINCT ON (m.queue_id, m.priority) m.* FROM tenfold.job_mark m ORDER BY m.queue_id, m.priority, m.mark_id DESC LOOP
    seen := line.mark;
    line.mark := '-infinity';
    first := tenfold._first_in_line(line);
    IF first < seen THEN
      INSERT INTO tenfold.job_mark VALUES (line.queue_id, line.priority, DEFAULT, first, first, line.limit_at, line.limit_xid);
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION tenfold._check_marks IS 'takes back marks that a stepping clock left too late';
