"""Quick calls beside a storm of slow ones: the 99th percentile of hotels/nearby while thirty clients search a whole country by
price, and while eight log in, beside that of the same gateway when it is quiet. Each search is another one: none is cached.
"""
import itertools
import json
import sys
import threading
import time
from contextlib import contextmanager

import stand

sys.path.insert(0, str(stand.ROOT / 'tests' / 'http'))
from gateway import Gateway, exchange  # noqa: E402

SEARCHES, LOGINS = 30, 8
NEARBY = 4  # clients
UNLIMITED = 'UPDATE tenfold.rate_class SET per_minute = NULL'  # all clients are one address


def nearby_seconds(gateway, points, seconds):
    """How long each answer took, sorted."""
    times, end = [], time.monotonic() + seconds

    def ask(points):
        connection = gateway.connect()
        for lat, lng in itertools.cycle(points):
            began = time.monotonic()
            if began > end:
                break
            assert exchange(connection, 'GET', f'/hotels/nearby?lat={lat}&lng={lng}&radius=5').status == 200
            times.append(time.monotonic() - began)
        connection.close()
    threads = [threading.Thread(target=ask, args=(points[client::NEARBY],)) for client in range(NEARBY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(times)


@contextmanager
def storm(gateway, clients, ask):
    """So many clients that ask again as soon as they are answered, or may; gives the statuses and times of the answers."""
    answers, running = [], [True]

    def run(client):
        connection = gateway.connect()
        for number in itertools.count():
            if not running[0]:
                break
            began = time.monotonic()
            answer = ask(connection, client, number)
            answers.append((answer.status, time.monotonic() - began))
            time.sleep(int(answer.headers.get('Retry-After', 0)))
        connection.close()
    threads = [threading.Thread(target=run, args=(client,), daemon=True) for client in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(1)  # until it blows
    yield answers
    running[0] = False
    for thread in threads:
        thread.join()


def search(connection, client, number):
    return exchange(connection, 'GET', f'/hotels/search?country=CN&max_price_minor={1_000_000_000 + client * 1_000_000 + number}')


def log_in(connection, client, number):
    body = json.dumps({'email': f'nobody-{client}-{number}@example.com', 'password': 'wrong'})
    return exchange(connection, 'POST', '/login', body, {'Content-Type': 'application/json'})


def percentile(times, share):
    return 1000 * times[int(len(times) * share)]


def report(name, times, answers=()):
    statuses = {status: sum(1 for seen, _ in answers if seen == status) for status, _ in answers}
    print(f'{name:12} {len(times):8,} nearby, p50 {percentile(times, 0.5):8.1f} ms, p99 {percentile(times, 0.99):8.1f} ms, '
          f'longest {1000 * times[-1]:8.1f} ms; the storm was answered {statuses}', flush=True)
    return percentile(times, 0.99)


def measure(gateway, points, seconds=stand.SECONDS):
    """The 99th percentiles beside each storm, as multiples of the quiet one."""
    nearby_seconds(gateway, points, 1)
    quiet = report('quiet', nearby_seconds(gateway, points, 2 * seconds))
    beside = {}
    for name, clients, ask in [('searches', SEARCHES, search), ('logins', LOGINS, log_in)]:
        with storm(gateway, clients, ask) as answers:
            times = nearby_seconds(gateway, points, 2 * seconds)
        beside[name] = report(name, times, answers) / quiet
    return beside


def main():
    cluster = stand.loaded_cluster()
    with stand.connect(cluster) as db:
        points = stand.query_points(db)
        db.execute(UNLIMITED)
    with Gateway(cluster.dsn(user='tenfold_authenticator'), **{'gateway.jwks': cluster.keys(), 'gateway.jwt_audience': 'tenfold'}) as gateway:
        beside = measure(gateway, points)
    for name, times in beside.items():
        stand.print_ratio(f'quiet_p99_times_5_to_that_beside_{name}', 5 / times, 1, 1)


if __name__ == '__main__':
    main()
