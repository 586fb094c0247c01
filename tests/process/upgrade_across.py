"""pg_upgrade with hotels, events and jobs: what the old cluster holds, and what the new one makes of it."""
import json

import psycopg
from process import events_across

HOTELS = """SELECT count(*), count(place_key), count(attributes), count(geohash), sum(hotel_id)::bigint,
  (SELECT count(*) FROM hotel.nearby(48.25, 2, 40000, row_limit => 1000)) FROM hotel.hotel"""
FILL = """SELECT hotel.add_hotel('h' || i, 'FR', 'Paris', 48 + i / 1000.0, 2, stars => 1 + i % 5, amenities => '{wifi}')
  FROM generate_series(1, 500) i"""


def connect(cluster, autocommit=True):
    return psycopg.connect(cluster.dsn(), autocommit=autocommit)


def as_json(found):
    return json.loads(json.dumps(found))


def fill(cluster):
    """Gives what check() wants to know."""
    with connect(cluster) as db, connect(cluster, autocommit=False) as other:
        db.execute(FILL)
        return as_json({'relayed': events_across.fill(db, other), 'hotels': db.execute(HOTELS).fetchone(),
                        'lag': db.execute(events_across.LAG).fetchall()})


def empty(cluster):
    """pg_upgrade wants to make the databases itself, and what pg_dumpall knows of roles."""
    cluster.psql('-d', 'postgres', '-c', 'DROP DATABASE tenfold WITH (FORCE)')


def go_on(cluster, before):
    """Asks what there is, adds a hotel, works off events and jobs, and tells of it, as JSON would."""
    with connect(cluster) as db:
        db.execute('CALL tenfold.install_all()')
        hotels = db.execute(HOTELS).fetchone()
        db.execute("SELECT hotel.add_hotel('new', 'FR', 'Paris', 48.25, 2)")
        nearest = db.execute('SELECT h.name FROM hotel.nearby(48.25, 2, row_limit => 2) n JOIN hotel.hotel h USING (hotel_id)').fetchall()
        events = events_across.go_on(db, before['relayed'])
        claimed = db.execute("SELECT count(*) FROM tenfold.claim_jobs('mail', 'w', 2)").fetchone()
    return as_json({'hotels': hotels, 'nearest': sorted(nearest), 'claimed': claimed, 'events': events})


def version(cluster):
    with connect(cluster) as db:
        return db.info.server_version


def unscheduled(db):
    """How many jobs pg_cron does not know."""
    return db.execute('SELECT count(*) FROM tenfold.scheduled_job_status WHERE NOT scheduled').fetchone()[0]
