"""Claims: opened with evidence, answered by link, ended in credit notes that follow the shares."""

import io
import re
from decimal import Decimal
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from PIL import Image
from pypdf import PdfReader

from companies.billing.models import CreditNote, Invoice
from companies.errors import NotAllowed
from companies.models import OutboxMail, Role
from purchasing import todo_back
from purchasing.models import Claim, ClaimCredit
from purchasing.services import claims, credits, decide_claim
from purchasing.services.claims import Word
from tests.factories.companies import member
from tests.purchasing.back import Delivered, hours
from tests.purchasing.billed import AT, Billed

pytestmark = pytest.mark.django_db(transaction=True)


def photo():
    out = io.BytesIO()
    Image.new("RGB", (60, 40), "#8a4420").save(out, "JPEG")
    return out.getvalue()


class Claimed(Billed):
    """36 gloves billed 125.70 + 19.90 to four companies, and claims about them."""

    def __init__(self, **options):
        super().__init__(**options)
        self.share("test")
        self.invoices = {i.company.name: i for i in self.issue()}
        self.line = self.order.lines.get()

    def open(self, letter=None, units=0, text="Carton ouvert", **rest):
        company = self.w.companies[letter] if letter else None
        actor = self.w.buyers[letter] if letter else self.w.staff
        word = Word("damaged", text, {self.line.pk: units} if units else {}, **rest)
        return claims.open_claim(actor=actor, order=self.order, word=word, company=company, at=AT)

    def resolve(self, claim, cents, outcome="credit"):
        return decide_claim.resolve(
            actor=self.w.staff, claim=claim, outcome=outcome, reason="Accord", credit_cents=cents, at=AT
        )

    def notes(self):
        rows = CreditNote.objects.select_related("invoice__company").order_by("invoice__company__name")
        return [(n.invoice.company.name, n.net_cents, n.vat_cents) for n in rows]


class TestAClaim:
    def test_reaches_the_supplier_with_its_photos_and_a_clock(self):
        c = Claimed()
        claim = c.open("A", 2, photos=[photo(), photo()])
        assert (claim.state, claim.due_at - claim.opened_at) == ("open", claims.timedelta(days=claims.ANSWER_DAYS))
        mail = OutboxMail.objects.get(key__startswith=f"claim:{claim.pk}:")
        assert mail.to == "fournisseur@example.org" and mail.attachments.count() == 2
        assert "2 × Gants nitrile M" in mail.body and "/q/claim/" in mail.body

    def test_twice_is_one_claim(self):
        c = Claimed()
        assert c.open("A", 2) == c.open("A", 2)
        assert Claim.objects.count() == 1

    def test_is_not_for_more_than_was_ordered_nor_for_other_companies_nor_without_words(self):
        c = Claimed()
        for units, refusal in ((12, claims.TooMany), (0, None)):
            if refusal:
                with pytest.raises(refusal):
                    c.open("A", units)
        with pytest.raises(claims.TextMissing):
            c.open("A", 1, text="  ")
        stranger = member(c.w.companies["A"], Role.HR)
        with pytest.raises(NotAllowed):
            claims.open_claim(actor=stranger, order=c.order, word=Word("other", "x"), company=c.w.companies["A"], at=AT)
        with pytest.raises(NotAllowed):
            claims.open_claim(
                actor=c.w.buyers["B"], order=c.order, word=Word("other", "x"), company=c.w.companies["A"], at=AT
            )
        assert not Claim.objects.exists()

    def test_comes_within_a_month_unless_staff_open_it(self):
        c = Claimed()
        late = hours(900) + claims.timedelta(days=claims.CLAIM_DAYS, minutes=1)
        word = Word("quality", "Coutures")
        with pytest.raises(claims.TooLate):
            claims.open_claim(actor=c.w.buyers["A"], order=c.order, word=word, company=c.w.companies["A"], at=late)
        assert claims.open_claim(actor=c.w.staff, order=c.order, word=word, at=late).state == "open"

    def test_before_any_delivery_is_refused(self):
        d = Delivered()
        with pytest.raises(claims.NotClaimable):
            claims.open_claim(actor=d.w.staff, order=d.order, word=Word("missing", "Rien"), at=AT)

    def test_reminds_who_runs_the_pool_of_silence_and_of_answers(self):
        c = Claimed()
        claim = c.open("A", 2)
        late = claim.due_at + claims.timedelta(hours=1)
        assert claim.number in str([t.detail for t in todo_back.for_staff(c.w.staff, late)])
        old = claim.token_hash
        claims.remind(actor=c.w.staff, claim=claim, at=late)
        claim.refresh_from_db()
        assert claim.token_hash != old and claim.due_at > late
        claims.answer(claim=claim, verdict="refuse", text="Emballage intact au départ", at=late)
        assert claim.number in str([t.detail for t in todo_back.for_staff(c.w.staff, late)])
        mine = todo_back.for_company(c.w.buyers["A"], c.w.companies["A"], {"buyer"}, late)
        assert claim.number in str([t.detail for t in mine])


class TestTheSupplier:
    def test_answers_by_the_link_once(self, client, time_machine):
        time_machine.move_to(AT)
        c = Claimed()
        claim = c.open("A", 2, photos=[photo()])
        url = re.search(r"/q/claim/\S+", OutboxMail.objects.get(key__startswith=f"claim:{claim.pk}:").body).group()
        page = client.get(url).content.decode()
        assert "Carton ouvert" in page and client.get(f"{url}photos/{claim.evidence.get().pk}/").status_code == 200
        said = {"verdict": "accept", "offered": "6,98", "text": "Avoir suit"}
        upload = {"photos": SimpleUploadedFile("p.jpg", photo(), "image/jpeg")}
        assert client.post(url, said | upload).status_code == 302
        claim.refresh_from_db()
        assert (claim.state, claim.answers.get().offered_cents) == ("answered", 698)
        assert claim.evidence.filter(by_supplier=True).count() == 1
        client.post(url, said)
        assert claim.answers.count() == 1
        assert client.get("/q/claim/x.y/").status_code == 404

    def test_must_say_why_it_refuses_and_may_answer_until_somebody_decided(self):
        c = Claimed()
        claim = c.open("A", 2)
        with pytest.raises(claims.AnswerMissing):
            claims.answer(claim=claim, verdict="refuse", at=AT)
        claims.answer(claim=claim, verdict="refuse", text="Non", at=AT)
        claims.answer(claim=claim, verdict="replace", at=AT)
        decide_claim.reject(actor=c.w.staff, claim=claim, reason="Sans preuve", at=AT)
        with pytest.raises(claims.ClaimClosed):
            claims.answer(claim=claim, verdict="accept", offered_cents=1, at=AT)


class TestACredit:
    def test_of_one_company_is_a_credit_note_on_its_own_invoice(self):
        c = Claimed()
        c.resolve(c.open("A", 2), 698)
        assert c.notes() == [("A", 698, 140)]
        assert ClaimCredit.objects.get().notes.get().invoice == c.invoices["A"]

    def test_of_all_follows_the_shares_to_the_cent(self):
        """10.00 over 38.41, 24.44, 48.88 and 13.97: the odd cents go to the largest remainders, earliest first."""
        c = Claimed()
        claim = c.resolve(c.open(), 1_000)
        rows = claim.credits.order_by("company__name").values_list("net_cents", "weight")
        assert list(rows) == [(306, 3_841), (194, 2_444), (389, 4_888), (111, 1_397)]
        assert [net for _name, net, _vat in c.notes()] == [306, 194, 389, 111]
        balances = [Invoice.objects.get(pk=c.invoices[x].pk).balance_cents for x in "ABCD"]
        gross = [c.invoices[x].gross_cents for x in "ABCD"]
        credited = [net + vat for _name, net, vat in c.notes()]
        assert balances == [g - n for g, n in zip(gross, credited, strict=True)]

    def test_decided_twice_is_one_credit(self):
        c = Claimed()
        claim = c.open("A", 2)
        c.resolve(claim, 698)
        c.resolve(claim, 698)
        assert CreditNote.objects.count() == 1

    def test_never_comes_to_more_than_was_invoiced(self):
        """I15, over several claims: 38.41 were invoiced for A's gloves."""
        c = Claimed()
        c.resolve(c.open("A", 2), 3_000)
        second = c.open("A", 3, text="Encore")
        with pytest.raises(credits.CreditTooLarge):
            c.resolve(second, 842)
        second.refresh_from_db()
        assert (second.state, CreditNote.objects.count()) == ("open", 1)
        c.resolve(second, 841)
        assert sum(net for _name, net, _vat in c.notes()) == 3_841

    def test_waits_for_the_companies_invoices(self):
        b = Billed()
        claim = claims.open_claim(actor=b.w.staff, order=b.order, word=Word("missing", "Un carton"), at=AT)
        with pytest.raises(credits.NothingCharged):
            decide_claim.resolve(actor=b.w.staff, claim=claim, outcome="credit", reason="x", credit_cents=100, at=AT)

    def test_in_the_listing_model_is_a_share_without_a_note_of_ours(self):
        c = Claimed(legal_model="listing", fee_bp=200)
        claim = c.resolve(c.open(), 1_000)
        assert sum(row.net_cents for row in claim.credits.all()) == 1_000
        assert not CreditNote.objects.exists()

    def test_of_the_supplier_to_the_association_reaches_no_company(self):
        c = Claimed()
        claim = c.resolve(c.open(), 300, "supplier")
        assert (claim.credit_net_cents, claim.credits.count()) == (300, 0)

    def test_whose_parts_do_not_add_up_is_refused_by_the_database(self):
        c = Claimed()
        claim = c.resolve(c.open("A", 2), 698)
        with pytest.raises(IntegrityError), transaction.atomic():
            ClaimCredit.objects.filter(claim=claim).update(net_cents=699)
        assert connection.is_usable()

    def test_is_for_who_runs_the_pool(self):
        c = Claimed()
        claim = c.open("A", 2)
        with pytest.raises(NotAllowed):
            decide_claim.resolve(
                actor=c.w.buyers["A"], claim=claim, outcome="credit", reason="x", credit_cents=1, at=AT
            )


class TestThePages:
    def test_lead_a_buyer_from_the_delivery_to_the_end_of_the_claim(self, client, time_machine):
        time_machine.move_to(AT)
        c = Claimed()
        a, b = c.w.companies["A"], c.w.companies["B"]
        client.force_login(c.w.buyers["A"])
        base = f"/company/{a.pk}/claims/"
        assert c.order.number in client.get(base).content.decode()
        path = f"{base}new/{c.order.pk}/"
        assert client.post(path, {"kind": "damaged", "text": "x", f"units{c.line.pk}": "99"}).status_code == 200
        bad = SimpleUploadedFile("p.jpg", b"<svg>", "image/jpeg")
        page = client.post(path, {"kind": "damaged", "text": "Deux paires", "photos": bad})
        assert page.status_code == 200 and "Deux paires" in page.content.decode()
        done = client.post(path, {"kind": "damaged", "text": "Deux paires", f"units{c.line.pk}": "2"})
        claim = Claim.objects.get()
        assert done.headers["Location"] == f"{base}{claim.pk}/"
        client.force_login(c.w.buyers["B"])
        assert client.get(f"/company/{b.pk}/claims/{claim.pk}/").status_code == 404
        client.force_login(c.w.staff)
        client.post(f"/claims/{claim.pk}/resolve/", {"outcome": "credit", "credit": "6,98", "reason": "Accord"})
        assert "6,98" in client.get(f"/claims/{claim.pk}/").content.decode()
        client.force_login(c.w.buyers["A"])
        text = client.get(f"{base}{claim.pk}/").content.decode()
        assert "6,98" in text and CreditNote.objects.get().number in text

    def test_of_rest_open_and_end_a_claim(self, client, time_machine):
        time_machine.move_to(AT)
        c = Claimed()
        client.force_login(c.w.buyers["A"])
        base = f"/api/v1/companies/{c.w.companies['A'].pk}/claims/"
        body = {"order": c.order.pk, "kind": "missing", "text": "Deux", "lines": [{"line": c.line.pk, "quantity": 2}]}
        made = client.post(base, body, "application/json")
        assert made.status_code == 201 and made.json()["state"] == "open"
        assert client.get("/api/v1/claims/").json()["results"] == []
        client.force_login(c.w.staff)
        ended = {"outcome": "credit", "credit": "6.98", "reason": "Accord"}
        done = client.post(f"/api/v1/claims/{made.json()['id']}/decide/", ended, "application/json").json()
        assert done["credits"][0]["net"] == "6.98" and done["credits"][0]["credit_notes"]
        paper = client.get(f"/claims/{made.json()['id']}/paper/").content
        client.force_login(c.w.buyers["A"])
        for content in (paper, client.get(f"{base}{made.json()['id']}/pdf/").content):
            text = PdfReader(BytesIO(content)).pages[0].extract_text()
            for word in (made.json()["number"], "Deux", "6,98", done["credits"][0]["credit_notes"][0], "Accord"):
                assert word in text
        sheet = client.get(f"/api/v1/companies/{c.w.companies['A'].pk}/pools/{c.w.pool.pk}/proof/").json()
        steps = [(s["to_share"], s["weight"], s["of"], s["net"], s["vat"]) for s in sheet[0]["steps"]]
        assert steps[0] == ("125.70", 11, 36, "38.41", "7.68") and sheet[0]["net"] == "44.49"
        assert sum(Decimal(s["net"]) for s in sheet[0]["steps"]) == Decimal(sheet[0]["net"])
