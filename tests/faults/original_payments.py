"""The processor of the original design of payments, taken literally: read an event, look whether it was processed, charge with
three retries, then commit the result and the offset together. Usage: original_payments.py DSN PROVIDER_URL"""
import http.client
import sys
import time
from contextlib import suppress
from urllib.parse import urlencode, urlsplit

import psycopg

RETRIES = [0.01, 0.02, 0.04]  # of 1, 2 and 4 s
TIMEOUT = 0.6


def charge(url, payment, amount):
    """The status that the provider gives, 0 where there is none."""
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT)
        form = {'amount': amount, 'currency': 'inr', 'payment_method': 'tok_1', 'confirm': 'true', 'metadata[reference]': f'original/{payment}/1'}
        connection.request('POST', '/v1/payment_intents', urlencode(form), {'Content-Type': 'application/x-www-form-urlencoded'})
        return connection.getresponse().status
    return 0


def charge_with_retries(url, payment, amount):
    for pause in [*RETRIES, None]:
        status = charge(url, payment, amount)
        if status == 200:
            return 'success'
        if status == 402 or pause is None:
            return 'failed'
        time.sleep(pause)


def process(db, url):
    row = db.execute('''SELECT e.place, p.id::text, p.amount, p.status FROM original.event e JOIN original.payment p ON p.id = e.payment_id
      WHERE e.place > (SELECT place FROM original.consumed) ORDER BY e.place LIMIT 1''').fetchone()
    if row is None:
        time.sleep(0.01)
        return
    place, payment, amount, status = row
    status = charge_with_retries(url, payment, amount) if status == 'pending' else status
    with db.transaction():
        db.execute('UPDATE original.payment SET status = %s WHERE id = %s', [status, payment])
        db.execute('UPDATE original.consumed SET place = %s', [place])


def main(dsn, url):
    while True:
        with suppress(psycopg.OperationalError):
            with psycopg.connect(dsn, autocommit=True) as db:
                while True:
                    process(db, url)


if __name__ == '__main__':
    main(*sys.argv[1:])
