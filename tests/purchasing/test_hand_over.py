"""Hand-overs: labels with a code, the scan, the signature; what a company has is never taken back."""

import json
from io import BytesIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from companies import audit
from companies.billing import risk, settlement
from companies.billing.models import Invoice
from companies.billing.risk import Standing
from companies.models import OutboxMail, Role, Site
from purchasing import labels
from purchasing.api.hand_overs import told
from purchasing.models import Commitment, HandOver, Pool
from purchasing.services import goods_release, hand_over
from tests.factories.billing import invoice, line, payment
from tests.factories.companies import member
from tests.purchasing.back import Delivered, hours
from tests.purchasing.framed import frame

pytestmark = pytest.mark.django_db(transaction=True)
SIGNED = json.dumps([[[10, 10], [80, 40], [120, 20]], [[130, 30], [200, 90]]])


@pytest.fixture
def d():
    made = Delivered()
    made.receipt = made.receive(36)
    made.part = HandOver.objects.get(receipt=made.receipt, company=made.w.companies["B"])
    return made


class TestALabel:
    def test_is_made_for_each_company_and_place(self):
        d = Delivered()
        site = Site.objects.create(
            company=d.w.companies["A"], name="Atelier nord", street="3 rue du Cuir", city="Romans"
        )
        Commitment.objects.filter(company=d.w.companies["A"]).update(site=site)
        found = labels.labels_of(d.order)
        assert [(label.company.name, [g[0] for g in label.goods]) for label in found] == [
            ("A", [11]),
            ("B", [7]),
            ("C", [14]),
            ("D", [4]),
        ]
        text = PdfReader(BytesIO(labels.pdf(d.order, found))).pages[0].extract_text()
        for part in ("Atelier nord", "3 rue du Cuir", d.order.number, "14 pièces", "1/4"):
            assert part in text

    def test_is_printed_by_the_supplier_too(self, client, d):
        from purchasing import links
        from purchasing.models import PurchaseOrder
        from purchasing.services import order

        token = links.new_token(order.ORDER_SALT)
        PurchaseOrder.objects.update(token_hash=links.digest(token), token_expires_at="2099-01-01T00:00Z")
        page = client.get(f"/q/order/{token}/labels/")
        assert page.content.startswith(b"%PDF")


class TestAScan:
    def test_leads_who_hands_out_to_the_parcel_and_proves_the_hand_over(self, client, d):
        client.force_login(d.w.staff)
        page = client.get(f"/h/{labels.code_for(d.order.pk, d.part.company_id)}/")
        assert page.headers["Location"] == f"/hand-overs/{d.part.pk}/?by=scan"
        assert "<strong>7</strong>" in client.get(page.headers["Location"]).content.decode()
        client.post(page.headers["Location"], {"method": "scan"})
        d.part.refresh_from_db()
        assert (d.part.state, d.part.method, d.part.handed_by) == ("handed_over", "scan", d.w.staff)

    def test_twice_is_one_hand_over(self, client, d):
        client.force_login(d.w.staff)
        for by in ("scan", "button"):
            client.post(f"/hand-overs/{d.part.pk}/", {"method": by})
        d.part.refresh_from_db()
        assert d.part.method == "scan"

    def test_leads_the_own_company_to_its_deliveries_and_nobody_else_anywhere(self, client, d):
        url = f"/h/{labels.code_for(d.order.pk, d.part.company_id)}/"
        client.force_login(d.w.buyers["B"])
        assert client.get(url).headers["Location"] == f"/company/{d.part.company_id}/deliveries/"
        client.force_login(d.w.buyers["A"])
        assert client.get(url).status_code == 404

    def test_before_the_delivery_says_that_nothing_is_counted(self, client):
        d = Delivered()
        client.force_login(d.w.staff)
        page = client.get(f"/h/{labels.code_for(d.order.pk, d.w.companies['A'].pk)}/")
        assert page.status_code == 200

    def test_shows_a_lead_buyer_one_parcel_and_never_the_list(self, client):
        d = Delivered()
        receipt = d.receive(36)
        lead = member(d.w.companies["A"], Role.BUYER)
        d.w.pool.lead = lead
        d.w.pool.save(update_fields=["lead"])
        client.force_login(lead)
        listed = client.get(f"/receipts/{receipt.pk}/").content.decode()
        assert "Gants nitrile M" in listed and "14 ×" not in listed
        part = HandOver.objects.get(receipt=receipt, company=d.w.companies["C"])
        assert "<strong>14</strong>" in client.get(f"/hand-overs/{part.pk}/").content.decode()


class TestASignature:
    def test_is_kept_as_a_drawing_of_ours(self, client, d):
        client.force_login(d.w.staff)
        client.post(f"/hand-overs/{d.part.pk}/", {"signed_by": "Jeanne Roux", "signature": SIGNED})
        d.part.refresh_from_db()
        assert (d.part.method, d.part.signed_by) == ("signature", "Jeanne Roux")
        client.force_login(d.w.buyers["B"])
        page = client.get(f"/hand-overs/{d.part.pk}/signature/")
        assert page.headers["Content-Type"] == "image/svg+xml"
        assert b"M10 10L80 40L120 20M130 30L200 90" in page.content
        client.force_login(d.w.buyers["A"])
        assert client.get(f"/hand-overs/{d.part.pk}/signature/").status_code == 404
        assert client.get(f"/hand-overs/{d.part.pk}/paper/").status_code == 404
        client.force_login(d.w.buyers["B"])
        page = PdfReader(BytesIO(client.get(f"/hand-overs/{d.part.pk}/paper/").content)).pages[0]
        text = page.extract_text()
        for word in ("Jeanne Roux", "7 ", "Gants nitrile M", d.order.number, d.part.signature.sha256[:20]):
            assert word in text

    def test_that_is_none_changes_nothing(self, client, d):
        client.force_login(d.w.staff)
        for drawn in ("[", "[[[1,2]]]", "[" * 5_000, '{"a":1}'):
            page = client.post(f"/hand-overs/{d.part.pk}/", {"signed_by": "Jeanne Roux", "signature": drawn})
            assert page.status_code == 200
        d.part.refresh_from_db()
        assert d.part.state == "ready"

    def test_needs_a_name(self, d):
        with pytest.raises(hand_over.NameMissing):
            d.hand_over(d.receipt, "B", strokes=hand_over.strokes_of(SIGNED))


class TestARestClient:
    def test_reads_hands_over_and_confirms(self, client, d):
        client.force_login(d.w.buyers["B"])
        base = f"/api/v1/companies/{d.part.company_id}/hand-overs/"
        (row,) = client.get(base).json()["results"]
        assert (row["state"], row["lines"][0]["quantity"]) == ("ready", 7)
        assert client.post(f"/api/v1/hand-overs/{d.part.pk}/give/").status_code == 404
        client.force_login(d.w.staff)
        give = f"/api/v1/hand-overs/{d.part.pk}/give/"
        for drawn, code in (([[[1, 2]]], "signature_invalid"), (json.loads(SIGNED), "signature_name_missing")):
            assert client.post(give, {"signature": drawn}, "application/json").json()["code"] == code
        signed = {"signature": json.loads(SIGNED), "signed_by": "Jeanne Roux"}
        assert client.post(give, signed, "application/json").json()["method"] == "signature"
        client.force_login(d.w.buyers["B"])
        done = client.post(f"{base}{d.part.pk}/", {"verdict": "confirm"}, "application/json")
        assert done.json()["state"] == "confirmed"
        assert client.get(f"{base}{d.part.pk}/pdf/").content.startswith(b"%PDF")


class TestACorrection:
    def test_that_leaves_nothing_of_a_part_takes_it_off_the_shelf(self, d):
        d.receive(-36, corrects=d.receipt)
        assert set(HandOver.objects.values_list("state", flat=True)) == {"taken_back"}
        assert d.hand_over(d.receipt, "B").state == "taken_back"

    def test_that_leaves_less_hands_over_less_and_the_rest_with_the_next_delivery(self, d):
        d.receive(-6, corrects=d.receipt)
        assert [line.quantity for line in d.hand_over(d.receipt, "B").lines.all()] == [6]
        following = d.receive(6)
        assert [line.quantity for line in d.hand_over(following, "B").lines.all()] == [1]


def debit(company, told, cents=10_000):
    """A debit of the company of which Stripe told so: `processing`, `failed` or nothing yet."""
    row = payment(invoice(company, line(cents, 0, unit_price_e4=None, quantity=1)), method="sepa_debit")
    for outcome in ("processing", told):
        settlement.apply(payment_id=row.pk, seen=settlement.Observation(outcome, method="sepa_debit"), at=hours(880))
    return row


class TestTheRiskRule:
    """money.md: "results arrive up to 14 business days later → goods release by risk rule"; decision 0064."""

    def test_keeps_goods_while_a_debit_is_returned_unpaid(self, client, d):
        b = d.part.company
        owed = debit(b, "failed")
        page = f"/hand-overs/{d.part.pk}/"
        client.force_login(d.w.buyers["B"])
        assert "est revenu impayé" in client.get(f"/company/{b.pk}/deliveries/").content.decode()
        assert client.get(f"/api/v1/companies/{b.pk}/hand-overs/").json()["results"][0]["held"] is True
        home = client.get(f"/company/{b.pk}/").content.decode()
        assert "Attend un paiement" in home and "livraison à retirer" not in home
        lead = member(d.w.companies["A"], Role.BUYER)
        Pool.objects.filter(pk=d.w.pool.pk).update(lead=lead)
        client.force_login(lead)
        shown = client.get(page).content.decode() + client.get(f"/receipts/{d.receipt.pk}/").content.decode()
        assert "retient cette part" in shown and "prélèvement" not in shown  # I13
        refused = client.post(f"/api/v1/hand-overs/{d.part.pk}/give/", {}, "application/json")
        assert (refused.status_code, refused.json()["code"]) == (409, "goods_held")
        release = f"/hand-overs/{d.part.pk}/release/"
        assert client.post(release, {"reason": "Moi"}).status_code == 403
        assert client.post(f"/api/v1{release}", {"reason": "Moi"}, "application/json").status_code == 403
        client.force_login(d.w.staff)
        assert "100,00" in client.get(page).content.decode()
        client.post(page, {"method": "button"})
        d.part.refresh_from_db()
        assert d.part.state == "ready"
        assert d.hand_over(d.receipt, "A").state == "handed_over"  # another company's goods leave
        Invoice.objects.filter(pk=owed.invoice_id).update(state="paid", balance_cents=0)
        assert d.hand_over(d.receipt, "B").state == "handed_over"

    def test_costs_as_many_statements_for_four_parts_as_for_one(self, d):
        debit(d.part.company, "failed")
        parts, counts = list(d.receipt.hand_overs.select_related("receipt").order_by("pk")), []
        for some in (parts, [part for part in parts if part.pk == d.part.pk]):
            with CaptureQueriesContext(connection) as asked:
                found = told(some)
            counts.append(len(asked))
        assert [(row["held"], len(row["lines"])) for row in found] == [(True, 1)]
        assert len(parts) == 4 and counts == [6, 6]

    @pytest.mark.parametrize(("place", "held"), [("", False), ("Pôle Sud", True)])
    def test_has_no_hold_on_a_call_off_that_is_already_with_its_company(self, place, held):
        f = frame(deliver_to=place)
        receipt = f.receive(f.send(f.draw("A", 10)), 10)
        debit(f.companies["A"], "failed")
        (part,) = receipt.hand_overs.select_related("receipt")
        assert (goods_release.hold_of(part) is not None) == held

    def test_is_overruled_by_staff_with_a_reason(self, client, d):
        debit(d.part.company, "failed")
        client.force_login(d.w.staff)
        path = f"/hand-overs/{d.part.pk}/release/"
        assert "Dites pourquoi" in client.post(path, {"reason": " "}).content.decode()
        said = client.post(f"/api/v1{path}", {"reason": ""}, "application/json")
        assert (said.status_code, said.json()["code"]) == (400, "release_reason_missing")
        assert client.post(path, {"reason": "Virement annoncé par téléphone"}).status_code == 302
        d.part.refresh_from_db()
        assert (d.part.released_by, d.part.release_reason) == (d.w.staff, "Virement annoncé par téléphone")
        (told,) = audit.history(d.part).filter(action="handover.released")
        assert (told.actor, told.data) == (
            d.w.staff, {"hold": "debit_returned", "bounced_cents": 10_000, "awaited_cents": 0}
        )  # fmt: skip
        assert OutboxMail.objects.filter(key__startswith=f"ready:{d.part.pk}:").exists()
        assert d.hand_over(d.receipt, "B").state == "handed_over"

    def test_tells_the_company_when_its_part_arrives(self):
        d = Delivered()
        debit(d.w.companies["B"], "failed")
        receipt = d.receive(36)
        told = OutboxMail.objects.filter(key__startswith="held:")
        assert [mail.to for mail in told] == [d.w.buyers["B"].email]
        assert OutboxMail.objects.filter(key__startswith="ready:").count() == 3
        assert receipt.hand_overs.count() == 4

    @pytest.mark.parametrize(
        ("rule", "limit", "bounced", "awaited", "held"),
        [
            ("risk", 10_000, 0, 0, None),
            ("risk", 10_000, 0, 7_556, None),  # the goods are worth 24.44 €
            ("risk", 10_000, 0, 7_557, "debit_awaited"),
            ("risk", 10_000, 1, 0, "debit_returned"),
            ("risk", 1, 0, 0, None),
            ("paid", 10_000, 0, 1, "debit_awaited"),
            ("paid", 10_000, 0, 0, None),
            ("always", 0, 1, 1, None),
        ],
    )
    def test_is_a_setting(self, settings, rule, limit, bounced, awaited, held):
        settings.GOODS_RELEASE, settings.GOODS_RELEASE_LIMIT_CENTS = rule, limit
        assert goods_release.hold_by(Standing(bounced, awaited), 2_444) == held

    def test_counts_what_is_on_its_way_and_what_came_back(self, d):
        a, b, c = (d.w.companies[letter] for letter in "ABC")
        debit(a, "processing", 5_000)
        debit(a, "failed", 700)
        debit(b, "cancelled", 900)
        settled = debit(c, "processing", 800)
        seen = settlement.Observation("succeeded", received_cents=800, method="sepa_debit")
        settlement.apply(payment_id=settled.pk, seen=seen, at=hours(890))
        assert risk.standings([a, b, c]) == {a.pk: Standing(700, 5_000), b.pk: Standing(0, 900)}
        claim = settlement.Dispute("du_1", 800, returned=False)
        seen = settlement.Observation("succeeded", received_cents=800, method="sepa_debit", disputes=[claim])
        settlement.apply(payment_id=settled.pk, seen=seen, at=hours(895))
        assert risk.standings([c]) == {c.pk: Standing(800, 0)}
