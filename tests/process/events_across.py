"""The log on both sides of a dump: what an old database holds, and what happens to it in a new one."""

SETUP = """
SELECT tenfold.create_topic('order');
SELECT tenfold.create_consumer(name, '{order}', max_attempts => 3, on_dead => on_dead, backoff_base => '0')
  FROM (VALUES ('strict', 'park'), ('plain', 'skip'), ('untouched', 'skip'), ('kafka:shop', 'skip')) AS c(name, on_dead);
SELECT tenfold.create_queue('mail');
SELECT tenfold.enqueue('mail', '{}') FROM generate_series(1, 3);
"""
# So that the xids of whoever restores this lie far behind.
BURN = 'DO $$BEGIN FOR i IN 1..200000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END$$'
LAG = 'SELECT consumer, behind_events, retrying, parked, dead FROM tenfold.outbox_lag ORDER BY 1'


def key_of(n):
    return 'late' if n == 16 else 'abc'[n % 3]


def publish(db, *numbers):
    for n in numbers:
        db.execute("SELECT tenfold.publish('order', %s, to_jsonb(%s::int))", [key_of(n), n])


def tick(db):
    while db.execute('SELECT tenfold.tick()').fetchone()[0] is None:
        pass


def epoch_of(db, consumer):
    return db.execute('SELECT epoch FROM tenfold.consumer WHERE name = %s', [consumer]).fetchone()[0]


def handle_batch(db, consumer, failures):
    """One batch: gives the numbers handled, None if there is none. failures: whether a number that fails is tried again."""
    epoch = epoch_of(db, consumer)
    ticks = db.execute('SELECT from_tick, to_tick FROM tenfold.next_batch(%s, %s)', [consumer, epoch]).fetchone()
    if ticks is None:
        return None
    handled, blocked = [], set()
    with db.transaction():
        for event_id, key, n in db.execute('SELECT event_id, key, payload::int FROM tenfold.batch_events(%s, %s, %s)', [consumer, *ticks]).fetchall():
            if n in failures:
                db.execute("SELECT tenfold.fail_event(%s, %s, %s, 'asked for', %s)", [consumer, epoch, event_id, failures[n]])
                blocked.add(key)
            elif key not in blocked:
                handled.append(n)
        db.execute('SELECT tenfold.finish_batch(%s, %s, %s, %s)', [consumer, epoch, *ticks])
    return handled


def handle_retries(db, consumer):
    epoch = epoch_of(db, consumer)
    due = db.execute('SELECT event_id, payload::int FROM tenfold.next_retries(%s, %s)', [consumer, epoch]).fetchall()
    db.execute('SELECT tenfold.finish_retries(%s, %s, %s)', [consumer, epoch, [event_id for event_id, _ in due]])
    return [n for _, n in due]


def handle_batches(db, consumer, failures=None):
    tick(db)
    handled = []
    while (batch := handle_batch(db, consumer, failures or {})) is not None:
        handled += batch
    return handled


def handle_all(db, consumers):
    """Until nothing is left: the numbers by consumer, in the order in which they were handled."""
    return {consumer: handle_batches(db, consumer) + handle_retries(db, consumer) for consumer in consumers}


def fill(db, other):
    """Everybody but `untouched` is past 9: for strict, 1 waits for a retry, 2 is dead, what follows them is parked. 10 … 12
    are ticked, and 16, whose transaction the tick saw under way; 13 … 15 are not. Gives the relay's batch that Kafka may have."""
    db.execute(SETUP)
    publish(db, *range(1, 10))
    assert handle_batches(db, 'strict', {1: True, 2: False}) == [3, 6, 9]
    assert handle_batches(db, 'plain') == list(range(1, 10))
    finish_relayed(db, next_relayed(db))
    publish(other, 16)
    publish(db, 10, 11, 12)
    tick(db)
    other.commit()
    relayed = next_relayed(db)
    publish(db, 13, 14, 15)
    return relayed


def next_relayed(db):
    place, = db.execute('SELECT "position" FROM tenfold.relay_state(%s)', ['kafka:shop']).fetchone()
    ask = 'SELECT to_tick, fingerprint FROM tenfold.next_relay_batch(%s, %s, %s, %s)'
    return [place, *db.execute(ask, ['kafka:shop', epoch_of(db, 'kafka:shop'), place, place]).fetchone()]


def finish_relayed(db, batch):
    db.execute('SELECT tenfold.finish_relay_batch(%s, %s, %s, %s, %s)', ['kafka:shop', epoch_of(db, 'kafka:shop'), *batch])


def go_on(db, relayed):
    """What a copy says and does: with events published before its first tick, after it, and after the log has turned."""
    said = {'xid': db.execute('SELECT pg_current_xact_id()::text::bigint').fetchone()[0], 'lag': db.execute(LAG).fetchall(),
            'relay': db.execute('SELECT * FROM tenfold.relay_state(%s, %s)', ['kafka:shop', relayed[1]]).fetchone()}
    consumers = [name for name, *_ in said['lag']]
    finish_relayed(db, relayed)
    publish(db, 17, 18, 19)
    handled = [handle_all(db, consumers)]
    publish(db, 20, 21, 22)
    handled.append(handle_all(db, consumers))
    db.execute("SELECT tenfold.redrive_events('strict')")
    said['turns'] = [turn(db)]
    publish(db, 23, 24, 25)
    handled.append(handle_all(db, consumers))
    said['turns'].append(turn(db))
    handled.append(handle_all(db, consumers))
    said['handled'] = {name: sum((part[name] for part in handled), []) for name in consumers}
    said['incarnations'] = [n for n, in db.execute('SELECT DISTINCT incarnation FROM tenfold.event').fetchall()]
    said['lag after'] = db.execute(LAG).fetchall()
    said['log'] = db.execute('SELECT consumer, problem FROM tenfold.audit_events()').fetchall()
    said['audit'] = db.execute('SELECT queue, due, waiting, ok FROM tenfold.audit()').fetchall()
    return said


def turn(db):
    """As if the current slot had lasted."""
    with db.transaction():
        db.execute("UPDATE tenfold.event_state SET slot_since = slot_since - interval '1 hour', written_by = '0'")
        db.execute('UPDATE tenfold.event_state SET written_by = xmin')
    return db.execute('SELECT tenfold.rotate_events()').fetchone()[0]
