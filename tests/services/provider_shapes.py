"""The books of a payment provider of which only the API's shape differs: Stripe's, Razorpay's, PayPal's. What is executed here
stays executed, whatever the caller gets to hear; services.provider decides that."""
import itertools
import time
from dataclasses import dataclass, field

REFUSED = {'tok_decline', 'pm_card_chargeDeclined'}
ASKED = {'tok_action'}  # the customer must act first


@dataclass
class Payment:
    id: str
    reference: str
    amount: object  # as it came
    currency: str
    status: str  # in words of our own: waiting, held, paid, gone
    captured: int = 0
    made_at: float = field(default_factory=time.monotonic)
    other: dict = field(default_factory=dict)


@dataclass
class Refund:
    id: str
    reference: str
    payment: Payment
    amount: int


class Shape:
    """`answer(method, path, query, body)` gives (status, JSON, events). Who keeps the time of searches is `visible_after`."""

    def __init__(self, visible_after=0):
        self.visible_after = visible_after
        self.numbers = itertools.count(1)
        self.payments, self.refunds = {}, {}
        self.executed = []  # (kind, reference, amount), in order: money that moved or was held

    def make(self, prefix, reference, amount, currency, status, **other):
        payment = Payment(f'{prefix}{next(self.numbers)}', reference, amount, currency, status, other=other)
        self.payments[payment.id] = payment
        return payment

    def charge(self, payment, amount):
        payment.status, payment.captured = 'paid', amount
        self.executed.append(('charge', payment.reference, amount))

    def hold(self, payment):
        payment.status = 'held'
        self.executed.append(('hold', payment.reference, payment.amount))

    def refund(self, prefix, payment, reference, amount):
        refund = Refund(f'{prefix}{next(self.numbers)}', reference, payment, amount)
        self.refunds[refund.id] = refund
        self.executed.append(('refund', reference, amount))
        return refund

    def refunded(self, payment):
        return sum(refund.amount for refund in self.refunds.values() if refund.payment is payment)

    def found(self, reference):
        return [one for one in self.payments.values()
                if one.reference == reference and time.monotonic() - one.made_at >= self.visible_after]


class Stripe(Shape):
    name, prefix = 'stripe', '/v1/payment_intents'
    WORDS = {'waiting': 'requires_action', 'held': 'requires_capture', 'paid': 'succeeded', 'gone': 'canceled'}

    def answer(self, method, path, query, body):
        parts = path.split('/')[2:]
        if parts[:1] == ['refunds']:
            return self.answer_refunds(method, parts, query, body)
        if parts == ['payment_intents', 'search']:
            found = self.found(query.get('query', '').split(":'")[-1].rstrip("'"))
            return 200, {'object': 'search_result', 'data': [self.intent(one) for one in found]}, []
        if parts == ['payment_intents']:
            return self.create(body)
        payment = self.payments.get(parts[1])
        if payment is None:
            return 404, {'error': {'type': 'invalid_request_error', 'code': 'resource_missing', 'message': 'No such payment_intent'}}, []
        return self.change(payment, parts[2:], body) if method == 'POST' else (200, self.intent(payment), [])

    def create(self, body):
        token = body.get('payment_method')
        payment = self.make('pi_', body.get('metadata[reference]', ''), int(body['amount']), body['currency'], 'waiting')
        if token in REFUSED:
            payment.status = 'gone'
            return 402, {'error': {'type': 'card_error', 'code': 'card_declined', 'decline_code': 'insufficient_funds',
                                   'message': 'Your card has insufficient funds.'}}, []
        if token in ASKED or not token:
            return 200, self.intent(payment), [self.event('requires_action', self.intent(payment))]
        if body.get('capture_method') == 'manual':
            self.hold(payment)
            return 200, self.intent(payment), [self.event('amount_capturable_updated', self.intent(payment))]
        self.charge(payment, payment.amount)
        return 200, self.intent(payment), [self.event('succeeded', self.intent(payment))]

    def change(self, payment, verb, body):
        if payment.status != 'held':
            return 400, {'error': {'type': 'invalid_request_error', 'code': 'payment_intent_unexpected_state',
                                   'message': 'unexpected state', 'payment_intent': self.intent(payment)}}, []
        if verb == ['capture']:
            self.charge(payment, int(body.get('amount_to_capture', payment.amount)))
            return 200, self.intent(payment), [self.event('succeeded', self.intent(payment))]
        payment.status = 'gone'
        self.executed.append(('void', payment.reference, payment.amount))
        return 200, self.intent(payment), [self.event('canceled', self.intent(payment))]

    def answer_refunds(self, method, parts, query, body):
        if method == 'GET' and len(parts) == 2:
            refund = self.refunds.get(parts[1])
            return (200, self.refund_object(refund), []) if refund else (404, {'error': {'code': 'resource_missing'}}, [])
        if method == 'GET':
            found = [one for one in self.refunds.values() if one.payment.id == query.get('payment_intent')]
            return 200, {'object': 'list', 'data': [self.refund_object(one) for one in found]}, []
        payment, amount = self.payments[body['payment_intent']], int(body['amount'])
        if self.refunded(payment) + amount > payment.captured:
            return 400, {'error': {'type': 'invalid_request_error', 'message': 'Refund amount is greater than charge'}}, []
        refund = self.refund('re_', payment, body.get('metadata[reference]', ''), amount)
        return 200, self.refund_object(refund), [{'type': 'refund.created', 'data': {'object': self.refund_object(refund)}}]

    def intent(self, payment):
        intent = {'object': 'payment_intent', 'id': payment.id, 'amount': payment.amount, 'amount_received': payment.captured,
                  'currency': payment.currency, 'status': self.WORDS[payment.status], 'metadata': {'reference': payment.reference}}
        if payment.status == 'waiting':
            intent['next_action'] = {'type': 'redirect_to_url', 'redirect_to_url': {'url': 'https://example.com/3ds'}}
        return intent

    @staticmethod
    def refund_object(refund):
        return {'object': 'refund', 'id': refund.id, 'amount': refund.amount, 'currency': refund.payment.currency, 'status': 'succeeded',
                'payment_intent': refund.payment.id, 'metadata': {'reference': refund.reference}}

    @staticmethod
    def event(word, intent):
        return {'type': f'payment_intent.{word}', 'data': {'object': intent}}

    def act(self, payment):
        """The customer agrees."""
        self.charge(payment, payment.amount)
        return [self.event('succeeded', self.intent(payment))]


class Razorpay(Shape):
    name, prefix = 'razorpay', '/v1/orders'
    WORDS = {'waiting': 'created', 'held': 'authorized', 'paid': 'captured', 'gone': 'failed'}

    def answer(self, method, path, query, body):
        parts = path.split('/')[2:]
        if parts == ['orders'] and method == 'POST':
            order = self.make('order_', body['notes']['reference'], body['amount'], body['currency'], 'waiting',
                              receipt=body['receipt'], automatic=body['payment_capture'], payments=[])
            return 200, self.order(order), []
        if parts == ['orders']:
            found = [self.order(one) | {'payments': self.collection(one)} for one in self.payments.values()
                     if one.other.get('receipt') == query.get('receipt') and time.monotonic() - one.made_at >= self.visible_after]
            return 200, {'entity': 'collection', 'count': len(found), 'items': found}, []
        record = self.payments.get(parts[1])
        if record is None:
            return 400, {'error': {'code': 'BAD_REQUEST_ERROR', 'description': 'The id provided does not exist'}}, []
        if parts[0] == 'orders':
            return 200, self.collection(record), []
        return self.answer_payment(method, record, parts[2:], body)

    def answer_payment(self, method, payment, verb, body):
        if verb == ['refunds']:
            found = [self.refund_object(one) for one in self.refunds.values() if one.payment is payment]
            return 200, {'entity': 'collection', 'count': len(found), 'items': found}, []
        if method == 'GET':
            return 200, self.payment(payment), []
        if verb == ['capture']:
            if payment.status != 'held':
                return 400, {'error': {'code': 'BAD_REQUEST_ERROR', 'description': 'This payment has already been captured'}}, []
            self.charge(payment, body['amount'])
            return 200, self.payment(payment), [self.event('payment.captured', payment)]
        if self.refunded(payment) + body['amount'] > payment.captured:
            return 400, {'error': {'code': 'BAD_REQUEST_ERROR', 'description': 'The total refund amount is greater than the refund payment amount'}}, []
        refund = self.refund('rfnd_', payment, body['notes']['reference'], body['amount'])
        return 200, self.refund_object(refund), [{'entity': 'event', 'event': 'refund.processed',
                                                  'payload': {'refund': {'entity': self.refund_object(refund)}}}]

    def act(self, order, agrees=True):
        """The customer pays on the checkout."""
        payment = self.make('pay_', order.reference, order.amount, order.currency, 'waiting', order=order.id)
        order.other['payments'].append(payment)
        if not agrees:
            payment.status = 'gone'
            return [self.event('payment.failed', payment)]
        if not order.other['automatic']:
            self.hold(payment)
            return [self.event('payment.authorized', payment)]
        self.charge(payment, payment.amount)
        return [self.event('payment.captured', payment)]

    @staticmethod
    def order(order):
        return {'entity': 'order', 'id': order.id, 'amount': order.amount, 'currency': order.currency, 'receipt': order.other['receipt'],
                'status': 'paid' if any(one.captured for one in order.other['payments']) else 'created', 'notes': {'reference': order.reference}}

    def collection(self, order):
        items = [self.payment(one) for one in order.other['payments']]
        return {'entity': 'collection', 'count': len(items), 'items': items}

    def payment(self, payment):
        return {'entity': 'payment', 'id': payment.id, 'order_id': payment.other.get('order'), 'amount': payment.amount,
                'currency': payment.currency, 'status': self.WORDS[payment.status], 'captured': payment.status == 'paid', 'notes': []}

    @staticmethod
    def refund_object(refund):
        return {'entity': 'refund', 'id': refund.id, 'payment_id': refund.payment.id, 'amount': refund.amount,
                'currency': refund.payment.currency, 'status': 'processed', 'notes': {'reference': refund.reference}}

    def event(self, word, payment):
        entities = {'payment': {'entity': self.payment(payment)}}
        return {'entity': 'event', 'event': word, 'contains': ['payment'], 'payload': entities}


class PayPal(Shape):
    name, prefix = 'paypal', '/v2/checkout/orders'

    def answer(self, method, path, query, body):
        if path == '/v1/oauth2/token':
            return 200, {'access_token': 'A21AA', 'token_type': 'Bearer', 'expires_in': 32400}, []
        family, identity, *verb = [*path.split('/')[3:], None][:3]
        if family == 'orders' and method == 'POST' and identity is None:
            return self.create(body)
        record = (self.refunds if family == 'refunds' else self.payments).get(identity)
        if record is None:
            return 404, {'name': 'RESOURCE_NOT_FOUND', 'details': [{'issue': 'INVALID_RESOURCE_ID'}]}, []
        if method == 'GET':
            return 200, {'orders': self.order, 'authorizations': self.authorization, 'captures': self.capture_object,
                         'refunds': self.refund_object}[family](record), []
        return getattr(self, f'post_{family}')(record, verb[0], body)

    def create(self, body):
        unit = body['purchase_units'][0]
        order = self.make('ORDER', unit['custom_id'], unit['amount']['value'], unit['amount']['currency_code'], 'waiting',
                          intent=body['intent'], approved=False)
        token = body.get('payment_source', {}).get('token', {}).get('id')
        if token in REFUSED:
            order.status = 'gone'
            return 422, {'name': 'UNPROCESSABLE_ENTITY', 'details': [{'issue': 'INSTRUMENT_DECLINED', 'description': 'declined'}]}, []
        if token and token not in ASKED:
            self.finish(order)
        return 201, self.order(order), [self.event('CHECKOUT.ORDER.COMPLETED', order)] if order.status != 'waiting' else []

    def finish(self, order):
        piece = self.make('AUTH' if order.other['intent'] == 'AUTHORIZE' else 'CAP', order.reference, order.amount, order.currency, 'waiting')
        order.other['piece'] = piece
        if order.other['intent'] == 'AUTHORIZE':
            self.hold(piece)
        else:
            self.charge(piece, piece.amount)
        order.status = 'paid'

    def act(self, order):
        order.other['approved'] = True
        return [self.event('CHECKOUT.ORDER.APPROVED', order)]

    def post_orders(self, order, verb, body):
        if order.status == 'waiting' and not order.other['approved']:
            return 422, {'name': 'UNPROCESSABLE_ENTITY', 'details': [{'issue': 'ORDER_NOT_APPROVED'}]}, []
        if order.status == 'paid':
            return 422, {'name': 'UNPROCESSABLE_ENTITY', 'details': [{'issue': 'ORDER_ALREADY_CAPTURED'}]}, []
        self.finish(order)
        return 201, self.order(order), [self.event('PAYMENT.CAPTURE.COMPLETED', order.other['piece'])]

    def post_authorizations(self, held, verb, body):
        if held.status != 'held':
            return 422, {'name': 'UNPROCESSABLE_ENTITY', 'details': [{'issue': 'AUTHORIZATION_ALREADY_CAPTURED'}]}, []
        if verb == 'void':
            held.status = 'gone'
            self.executed.append(('void', held.reference, held.amount))
            return 200, self.authorization(held), [self.event('PAYMENT.AUTHORIZATION.VOIDED', held)]
        capture = self.make('CAP', held.reference, body['amount']['value'], held.currency, 'waiting')
        self.charge(capture, capture.amount)
        held.status = 'paid'
        return 201, self.capture_object(capture), [self.event('PAYMENT.CAPTURE.COMPLETED', capture)]

    def post_captures(self, capture, verb, body):
        refund = self.refund('REF', capture, body['custom_id'], body['amount']['value'])
        return 201, self.refund_object(refund), []

    def order(self, order):
        piece = order.other.get('piece')
        unit = {'custom_id': order.reference, 'amount': {'currency_code': order.currency, 'value': order.amount}}
        if piece:
            held = order.other['intent'] == 'AUTHORIZE'
            unit['payments'] = {'authorizations': [self.authorization(piece)]} if held else {'captures': [self.capture_object(piece)]}
        word = 'COMPLETED' if piece else 'APPROVED' if order.other['approved'] else 'PAYER_ACTION_REQUIRED'
        return {'id': order.id, 'intent': order.other['intent'], 'status': word, 'purchase_units': [unit],
                'links': [{'rel': 'payer-action', 'href': f'https://example.com/checkoutnow?token={order.id}'}]}

    @staticmethod
    def authorization(held):
        return {'id': held.id, 'status': {'held': 'CREATED', 'paid': 'CAPTURED', 'gone': 'VOIDED'}[held.status], 'custom_id': held.reference,
                'amount': {'currency_code': held.currency, 'value': held.amount}}

    @staticmethod
    def capture_object(capture):
        return {'id': capture.id, 'status': 'COMPLETED', 'custom_id': capture.reference,
                'amount': {'currency_code': capture.currency, 'value': capture.amount}}

    @staticmethod
    def refund_object(refund):
        return {'id': refund.id, 'status': 'COMPLETED', 'custom_id': refund.reference,
                'amount': {'currency_code': refund.payment.currency, 'value': refund.amount}}

    def event(self, word, record):
        return {'event_type': word, 'resource': {'id': record.id, 'custom_id': record.reference}}


SHAPES = {shape.name: shape for shape in (Stripe, Razorpay, PayPal)}
