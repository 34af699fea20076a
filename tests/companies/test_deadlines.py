"""Every call to another machine ends in time, however slowly that machine answers."""

import socket
import ssl
import threading
from datetime import UTC, datetime

import pytest
import stripe
from cryptography.hazmat.primitives.serialization import Encoding
from django.core.mail import EmailMessage

from benefit_card import sms
from benefit_card.models import WalletRegistration
from benefit_card.services import google_passes, wallets
from benefit_card.wallet_authority import signer
from companies import deadlines, outward, smtp
from companies.billing.channel.http import Platform
from companies.billing.channel.port import ChannelDown, Parcel
from companies.billing.payments import gateway
from tests.benefit_card.push_double import PushDouble
from tests.factories.benefit_card import card

HEAD = b"HTTP/1.1 200 OK\r\nX-Drip: "
BODY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
TLS = b"\x16\x03\x03\x40\x00"  # a record that says it will be 16 kB
DRIPS = 400  # four seconds, at the end of which a call without a limit would have its answer or another error


class Dripper:
    """Says `begin` to whoever calls, then a byte every hundredth of a second; `cut` once somebody hung up."""

    def __init__(self, begin, tls=None, first=False):
        self.begin, self.tls, self.first, self.cut = begin, tls, first, threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                line, _address = self.socket.accept()
            except OSError:
                return
            try:
                if self.tls:
                    line = self.tls.wrap_socket(line, server_side=True)
                if not self.first:
                    line.recv(65_536)
                line.sendall(self.begin)
                for _byte in range(DRIPS):
                    line.sendall(b"a")
                    if self.cut.wait(0.01):
                        break
            except OSError:
                self.cut.set()
            line.close()


@pytest.fixture
def drips(monkeypatch):
    made = []

    def make(begin, **more):
        made.append(Dripper(begin, **more))
        return made[-1]

    for owner, name in ((outward, "WHOLE"), (gateway, "WHOLE_SECONDS")):
        monkeypatch.setattr(owner, name, 0.2)
    yield make
    for one in made:
        one.cut.set()
        one.socket.close()


def over(dripper):
    assert dripper.cut.wait(10), "the connection was held until the end"


@pytest.mark.parametrize(("begin", "more"), [(b"220-", {}), (TLS, {"use_ssl": True})], ids=["in words", "in TLS"])
def test_a_mail_server_that_drips_is_given_up_after_the_whole_time(drips, begin, more, monkeypatch):
    monkeypatch.setattr(smtp, "SECONDS", 0.2)
    dripper = drips(begin, first=True)
    host, port = dripper.host.split(":")
    backend = smtp.Backend(host=host, port=int(port), timeout=20, **more)
    with pytest.raises(TimeoutError, match="too long"):
        backend.send_messages([EmailMessage("x", "y", to=["a@b.fr"])])
    over(dripper)


@pytest.mark.parametrize("begin", [HEAD, BODY], ids=["in its head", "in its body"])
class TestAnAnswerThatDrips:
    def test_is_given_up_by_texts_and_by_google_wallet(self, drips, begin, settings):
        dripper = drips(begin)
        settings.SMS_GATEWAY_URL = f"http://{dripper.host}/texts"
        with pytest.raises(sms.NotSent, match="too long"):
            sms.send(to="+33612345678", text="x", reference="r")
        over(dripper)
        dripper = drips(begin)
        settings.GOOGLE_WALLET_API_BASE = f"http://{dripper.host}"
        with pytest.raises(google_passes.Unreachable, match="too long"):
            google_passes._ask("PATCH", "/walletobjects/v1/genericObject/x", b"{}", "token")
        over(dripper)

    def test_is_given_up_by_the_platform_its_directory_and_its_files(self, drips, begin):
        for call in (
            lambda way: way.send(Parcel("t", "t.pdf", b"%PDF", "Factur-X")),
            lambda way: way.directory("123456789"),
            lambda way: way._file("f"),
        ):
            dripper = drips(begin)
            way = Platform(f"http://{dripper.host}", "a", "b")
            way.session.seconds, way._token, way._until = 0.2, "t", 1e12
            with pytest.raises(ChannelDown):
                call(way)
            over(dripper)

    def test_is_given_up_by_stripe_at_the_first_try(self, drips, begin, settings):
        dripper = drips(begin)
        settings.STRIPE_API_BASE, settings.STRIPE_API_KEY = f"http://{dripper.host}", "sk_test_drip"
        with pytest.raises(stripe.APIConnectionError, match="TooLate"):
            gateway.client().v1.payment_intents.retrieve("pi_1")
        over(dripper)


@pytest.mark.django_db
class TestApplesPushService:
    @pytest.fixture
    def registered(self):
        now = datetime.now(UTC)
        made = card()
        WalletRegistration.objects.create(card=made, device="p", push_token="t", registered_at=now, changed_at=now)
        return made.pk

    def test_that_drips_is_given_up(self, drips, registered, settings, tmp_path):
        """In the handshake of TLS, and later in a frame of HTTP/2."""
        dripper = drips(TLS)
        settings.APPLE_PUSH_URL = f"https://{dripper.host}"
        assert wallets.push([registered], at=datetime.now(UTC)) == 0
        over(dripper)
        double = PushDouble(tmp_path, signer().chain[-1].public_bytes(Encoding.PEM))
        double.close()
        dripper = drips(b"\x00\x40\x00\x04\x00\x00\x00\x00\x00", tls=double.tls)  # SETTINGS of 16 kB
        settings.APPLE_PUSH_URL, settings.APPLE_PUSH_AUTHORITY = f"https://{dripper.host}", str(double.certificate)
        assert wallets.push([registered], at=datetime.now(UTC)) == 0
        over(dripper)


class TestALimit:
    def test_cuts_a_connection_that_was_kept_from_an_earlier_call(self):
        ours, theirs = socket.socketpair()
        with ours, theirs, pytest.raises(TimeoutError), deadlines.within(0.05):
            deadlines.hold(ours)
            assert ours.recv(1) == b"", "the end, which only the limit brings"

    def test_leaves_a_call_in_time_alone_and_its_own_errors_too(self):
        with pytest.raises(ssl.SSLError), deadlines.within(60):
            raise ssl.SSLError("x")
        with deadlines.within(60) as outer, deadlines.within(0) as inner:
            assert inner is outer
