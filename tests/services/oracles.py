"""Stripe's, Razorpay's and Standard Webhooks' own npm packages, asked from Python."""
import json
import subprocess
from pathlib import Path

from services.npm import install

FOLDER = Path(__file__).with_name('payment_oracles')


class Oracles:
    """`with Oracles() as oracles: oracles.ask('sign_stripe', body=…, secret=…, seconds=…)`; what they throw is a ValueError."""

    def __enter__(self):
        self.node = subprocess.Popen(['node', FOLDER / 'oracle.mjs', install(FOLDER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.node.stdin.close()
        self.node.wait(10)

    def ask(self, what, **values):
        self.node.stdin.write(json.dumps({'do': what} | values) + '\n')
        self.node.stdin.flush()
        answer = json.loads(self.node.stdout.readline())
        if 'failure' in answer:
            raise ValueError(answer['failure'])
        return answer['answer']
