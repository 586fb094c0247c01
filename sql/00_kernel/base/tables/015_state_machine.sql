CREATE TABLE tenfold.state_machine (
  machine text CONSTRAINT machine_is_word CHECK (machine ~ '^[a-z][a-z0-9_]{0,62}$'),
  from_state text CONSTRAINT from_is_word CHECK (from_state ~ '^([[][*][]]|[a-z][a-z0-9_]{0,62})$'),
  event text CONSTRAINT event_is_word CHECK (event ~ '^[a-z][a-z0-9_]{0,62}$'),
  to_state text NOT NULL CONSTRAINT to_is_word CHECK (to_state ~ '^[a-z][a-z0-9_]{0,62}$'),
  module text NOT NULL,
  position int GENERATED ALWAYS AS IDENTITY,
  actor text NOT NULL,
  effects text NOT NULL DEFAULT '',
  PRIMARY KEY (machine, from_state, event)
);
COMMENT ON TABLE tenfold.state_machine IS
  'the state machines of all modules, a row a move: what is no row is no move. A module writes its rows anew at each install';
COMMENT ON COLUMN tenfold.state_machine.from_state IS '[*]: there was nothing yet';
COMMENT ON COLUMN tenfold.state_machine.position IS 'the order in which they are printed';
COMMENT ON COLUMN tenfold.state_machine.actor IS 'who makes the move, or from whom we learn it';
COMMENT ON COLUMN tenfold.state_machine.effects IS 'what else is written in the same transaction';
