-- State machines are rows: whoever moves something asks tenfold.next_state(), people read them printed.

CREATE OR REPLACE FUNCTION tenfold._state_machine_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER  -- who changes a row, by whatever right, calls a private function
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM tenfold._relation_changed(TG_RELID::bigint);
  RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION tenfold._state_machine_changed FROM PUBLIC;
COMMENT ON FUNCTION tenfold._state_machine_changed IS 'the trigger that makes every backend read the state machines anew';
CREATE OR REPLACE TRIGGER state_machine_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tenfold.state_machine
  FOR EACH STATEMENT EXECUTE FUNCTION tenfold._state_machine_changed();
ALTER TABLE tenfold.state_machine ENABLE ALWAYS TRIGGER state_machine_changed;  -- also where logical replication applies the rows

CREATE OR REPLACE FUNCTION tenfold.next_state(machine text, from_state text, event text) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SECURITY DEFINER  -- whoever moves something reads no table
SET search_path = pg_catalog, pg_temp
RETURN tenfold._next_state(machine, from_state, event);
REVOKE EXECUTE ON FUNCTION tenfold.next_state FROM PUBLIC;
COMMENT ON FUNCTION tenfold.next_state IS
  'where this event leads from this state, by the rows of tenfold.state_machine; NULL: it is no move. Errors: 22023 unknown machine';

CREATE OR REPLACE FUNCTION tenfold._forget_state_machines(module text) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  DELETE FROM tenfold.state_machine s WHERE s.module = _forget_state_machines.module;
END;
COMMENT ON FUNCTION tenfold._forget_state_machines IS 'a module calls it before it declares its state machines anew';

CREATE OR REPLACE FUNCTION tenfold._declare_moves(
  module text, machine text, from_states text[], event text, to_state text, actor text, effects text DEFAULT '') RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  INSERT INTO tenfold.state_machine (machine, from_state, event, to_state, module, actor, effects)
    SELECT machine, f.state, event, to_state, module, actor, effects
    FROM unnest(from_states) WITH ORDINALITY AS f(state, ordinal) ORDER BY f.ordinal;
END;
COMMENT ON FUNCTION tenfold._declare_moves IS 'what a module says of a move that is the same from several states';

CREATE OR REPLACE FUNCTION tenfold.print_state_machine(machine text, format text DEFAULT 'mermaid') RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  printed text;
BEGIN
  IF print_state_machine.format NOT IN ('mermaid', 'table') THEN
    RAISE EXCEPTION 'unknown format "%"', format USING ERRCODE = '22023', HINT = 'One of mermaid, table.';
  END IF;
  SELECT CASE print_state_machine.format
      WHEN 'mermaid' THEN E'stateDiagram-v2\n' || string_agg(pg_catalog.format('  %s --> %s: %s', s.from_state, s.to_state, s.event), E'\n' ORDER BY s.position)
      ELSE E'| from | on | to | by | also writes |\n|---|---|---|---|---|\n' || string_agg(pg_catalog.format('| %s | %s | %s | %s | %s |',
        replace(s.from_state, '[*]', '–'), s.event, s.to_state, s.actor, s.effects), E'\n' ORDER BY s.position) END
    INTO printed FROM tenfold.state_machine s WHERE s.machine = print_state_machine.machine;
  IF printed IS NULL THEN
    RAISE EXCEPTION 'unknown state machine "%"', machine USING ERRCODE = '22023',
      HINT = coalesce('There are: ' || (SELECT string_agg(DISTINCT s.machine, ', ') FROM tenfold.state_machine s) || '.', 'There is none yet.');
  END IF;
  RETURN printed;
END
$$;
COMMENT ON FUNCTION tenfold.print_state_machine IS
  'a state machine for people: as a Mermaid diagram, or as a Markdown table. Errors: 22023 unknown machine or format';
