"""A server of somebody else that behaves badly when told to."""
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class MoodyServer(ThreadingHTTPServer):
    """Answers POSTs by their path: /200, /503, …; /hang after free.set(); /cut not at all; /mend as `status` says.

    With `retry_after` its answers have that header.

    `with MoodyServer() as server:` it runs, on a free port.
    """

    request_queue_size = 1024  # the kernel drops what does not fit, and the client waits a second

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.calls = []
        self.status = 503
        self.retry_after = None
        self.free = threading.Event()

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.free.set()
        self.shutdown()
        self.server_close()

    def url(self, path):
        return f'http://127.0.0.1:{self.server_port}{path}'

    def seen(self, path):
        return [call for call in self.calls if call[0] == path]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        self.server.calls.append((self.path, body, dict(self.headers)))
        word = self.path.split('/')[1]
        if word == 'hang':
            self.server.free.wait(60)
        if word == 'cut':
            self.close_connection = True
            return
        self.send_response({'mend': self.server.status, 'hang': 200}.get(word) or int(word))
        if self.server.retry_after:
            self.send_header('Retry-After', self.server.retry_after)
        self.end_headers()
        try:
            self.wfile.write(b'an answer with "quotes", \\ and \xff')
        except BrokenPipeError:
            pass  # the daemon did not wait for it

    def log_message(self, *_):
        pass
