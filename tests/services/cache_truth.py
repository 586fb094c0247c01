"""A checker of the cache: clients that change and ask, and know which commits came before each question."""
import threading

PLACES = range(1, 6)
SETUP = """
CREATE TABLE shown (place int PRIMARY KEY, value bigint NOT NULL);
INSERT INTO shown SELECT i, 0 FROM generate_series(1, 5) i;
CREATE FUNCTION answer(place int) RETURNS text LANGUAGE tenfold_cached STABLE AS $$
  -- keep 60 s; tags place{place}
  SELECT s.value::text FROM public.shown s WHERE s.place = answer.place $$;
CREATE FUNCTION ask(place int) RETURNS bigint LANGUAGE sql AS $$ SELECT answer(place)::bigint $$;
CREATE FUNCTION change(at_place int) RETURNS bigint LANGUAGE sql AS
  $$ SELECT tenfold._cache_touch(ARRAY['place' || at_place]);
     UPDATE shown SET value = value + 1 WHERE place = at_place RETURNING value $$;
"""


class Truth:
    """What is known to be committed: no answer to a question asked from now on may be older."""

    def __init__(self, db):
        self.lock = threading.Lock()
        self.least, self.lies, self.answers = {}, [], 0
        self.look(db)

    def look(self, db):
        """What the table says, without the cache."""
        for place, value in db.execute('SELECT place, value FROM shown'):
            self.committed(place, value)

    def committed(self, place, value):
        with self.lock:
            self.least[place] = max(self.least.get(place, 0), value)

    def check(self, db, place):
        least = self.least[place]
        value = ask(db, place)
        self.answers += 1
        if value < least:
            self.lies.append((place, value, least))


def ask(db, place):
    return db.execute('SELECT ask(%s)', (place,)).fetchone()[0]


class Worker:
    """One client's deeds, by its own chance; name is that of its prepared transactions."""

    def __init__(self, truth, chance, name, writes):
        self.truth, self.chance, self.name, self.writes = truth, chance, name, writes
        self.prepared = None

    def step(self, db):
        place = self.chance.choice(PLACES)
        deed = self.chance.random()
        if deed < self.writes:
            self.write(db, place)
        elif deed < 0.95:
            self.truth.check(db, place)
        else:
            self.check_in_a_snapshot(db, place)

    def check_in_a_snapshot(self, db, place):
        """Which is as new as its beginning, and sees nothing of later commits whatever the cache holds."""
        least = self.truth.least[place]
        db.execute('BEGIN ISOLATION LEVEL REPEATABLE READ')
        first, second = ask(db, place), ask(db, place)
        db.execute('COMMIT')
        if first < least or second != first:
            self.truth.lies.append((place, first, second, least))

    def write(self, db, place):
        """A change: committed, rolled back, or prepared and then committed."""
        db.execute('BEGIN')
        (value,) = db.execute('SELECT change(%s)', (place,)).fetchone()
        if ask(db, place) != value:
            self.truth.lies.append((place, 'a transaction does not see its own change'))
        deed = self.chance.choice(['COMMIT', 'COMMIT', 'ROLLBACK', 'PREPARE'])
        if deed == 'PREPARE':
            self.prepared = place, value
            db.execute(f"PREPARE TRANSACTION '{self.name}'")
            self.truth.check(db, self.chance.choice(PLACES))
            self.commit_prepared(db)
        else:
            db.execute(deed)
        if deed == 'COMMIT':
            self.truth.committed(place, value)

    def commit_prepared(self, db):
        """Also after a crash, if it had come so far."""
        if self.prepared and db.execute('SELECT FROM pg_prepared_xacts WHERE gid = %s', (self.name,)).fetchall():
            db.execute(f"COMMIT PREPARED '{self.name}'")
            self.truth.committed(*self.prepared)
        self.prepared = None
