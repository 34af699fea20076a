"""What goes wrong, told to its good end: three suppliers, a missed tier, a short delivery, a claim and its credit note."""

import io
import re
import secrets
from datetime import date, timedelta

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.journeys import test_pooled_order as story
from tests.journeys.mails import link_in, wait_for_mail

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys")]

RUN = secrets.token_hex(2)
SUPPLIERS = [
    (f"Mobilier des Collines {RUN}", f"devis-{RUN}@collines.example"),
    (f"Bureau Concept {RUN}", f"offres-{RUN}@concept.example"),
    (f"Assises du Vercors {RUN}", f"vente-{RUN}@vercors.example"),
]
QUOTES = [("400,00", "349,17", "199,00"), ("410,00", "360,00", "150,00"), ("420,00", "365,00", "90,00")]


@pytest.fixture
def steps(monkeypatch):
    """The steps of the first story, told about other goods."""
    monkeypatch.setattr(story, "RUN", RUN)
    monkeypatch.setattr(story, "ARTICLE", f"Fauteuil d’atelier réglable {RUN}")
    monkeypatch.setattr(story, "TITLE", f"Fauteuils {RUN}")
    monkeypatch.setattr(story, "SUPPLIERS", SUPPLIERS)
    return story.TestAPooledOrder()


def photo() -> dict[str, object]:
    out = io.BytesIO()
    Image.new("RGB", (320, 240), "#8a4420").save(out, "JPEG")
    return {"name": "quai.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()}


class TestAMissedTier:
    def test_ends_after_a_short_delivery_and_a_claim_with_a_credit_note(self, stack, people, steps):
        doors = [line for line in stack.lines if "Buyer," in line]
        companies = [re.search(r"Buyer, (.*?)\s+http", line).group(1) for line in doors]
        buyers = [people(re.search(r"http\S+", line).group()) for line in doors]
        for buyer, quantity in zip(buyers, ["10", "20"], strict=True):
            story.file_request(buyer, quantity, "0")
        for company in companies:
            story.approve(people(stack.door(f"Approver, {company}")))
        staff = people(stack.door("Association staff"))
        steps.open_the_pool(staff)
        links = self.ask_suppliers(stack, staff)
        for link, quote in zip(links, QUOTES, strict=True):
            story.answer_as_supplier(people(width=360), link, *quote)
        steps.award(staff, people(stack.door("Association staff, second person")))
        for buyer, company, quantity in zip(buyers, companies, ["12", "13"], strict=True):
            self.commit(buyer, quantity)
            steps.approve_commitment(people(stack.door(f"Approver, {company}")))
        steps.let_the_deadline_pass(stack)
        self.order_at_the_first_price(staff)
        mail = wait_for_mail(stack, staff, SUPPLIERS[0][1], "/q/order/")
        steps.acknowledge(people(width=360), link_in(mail, "/q/order/"))
        self.receive_short(staff)
        self.hand_over_signed(people(stack.door("Association staff"), width=360), companies[1])
        self.settle(staff)
        claim = self.claim(buyers[1])
        mail = wait_for_mail(stack, staff, SUPPLIERS[0][1], "/q/claim/")
        self.answer_the_claim(people(width=360), link_in(mail, "/q/claim/"))
        self.credit(staff, claim)
        self.see_the_credit(buyers[1])

    def ask_suppliers(self, stack, staff: Page):
        pool = staff.url
        for name, address in SUPPLIERS:
            staff.goto("/suppliers/new/")
            staff.locator("#id_name").fill(name)
            staff.locator("#id_category").select_option(label="Office")
            staff.locator("#id_contact_name").fill("Service commercial")
            staff.locator("#id_contact_email").fill(address)
            staff.locator("main form button.btn-primary").first.click()
            expect(staff.get_by_text(name).first).to_be_visible()
        staff.goto(pool)
        staff.get_by_role("link", name="Ask suppliers for quotes", exact=True).click()
        staff.get_by_role("button", name="Save and choose suppliers", exact=True).click()
        for name, _address in SUPPLIERS:
            staff.locator("label", has_text=name).locator("input").or_(staff.get_by_label(name)).first.check()
        staff.locator("form", has=staff.locator("input[name=suppliers]")).get_by_role("button").last.click()
        staff.get_by_role("button", name="Send to 3 suppliers", exact=True).click()
        return [link_in(wait_for_mail(stack, staff, address, story.TITLE), "/q/") for _name, address in SUPPLIERS]

    def commit(self, buyer: Page, quantity: str):
        """Fewer than they needed: together 25, five below the second tier."""
        buyer.get_by_role("link", name="Pooled orders", exact=True).click()
        buyer.get_by_role("link", name=story.TITLE).first.click()
        buyer.get_by_role("link", name=re.compile("ommit")).first.click()
        buyer.locator("input[name$=quantity]").fill(quantity)
        buyer.get_by_role("button", name="Confirm the commitment", exact=True).click()
        expect(buyer.get_by_role("button", name="Confirm the changed commitment", exact=True)).to_be_visible()

    def order_at_the_first_price(self, staff: Page):
        """Rounded down to two packs, 24 at 400.00: the price from 30 is missed."""
        staff.get_by_role("link", name="Commitments and goods", exact=True).click()
        lock = staff.get_by_role("button", name="Lock the pool", exact=True)
        if lock.count():
            lock.click()
        expect(staff.get_by_text("€400.00").first).to_be_visible()
        staff.get_by_role("button", name="Prepare the orders", exact=True).click()
        staff.locator("main").get_by_role("link", name=re.compile(r"^BC-")).first.click()
        expect(staff.get_by_role("cell", name="24", exact=True).first).to_be_visible()
        staff.locator("summary", has_text="Sign and send").click()
        staff.get_by_role("button", name="Sign and send", exact=True).last.click()
        expect(staff.get_by_role("link", name="Labels", exact=True)).to_be_visible()

    def receive_short(self, staff: Page):
        """22 arrive, two of them crushed and refused with a photo: 10 and 10 are shared out, the rest is given up."""
        staff.reload()
        order = staff.url
        staff.get_by_role("link", name="Enter a delivery", exact=True).click()
        staff.locator("input[name^=counted]").fill("22")
        staff.locator("input[name^=refused]").fill("2")
        staff.locator("#id_notes").fill("Deux cartons écrasés, refusés.")
        staff.locator("#id_photos").set_input_files([photo()])
        staff.get_by_role("button", name="Enter and share out", exact=True).click()
        expect(staff.get_by_role("button", name="The carrier was told", exact=True)).to_be_visible()
        staff.locator("#reference").fill("1A 234 567")
        staff.get_by_role("button", name="The carrier was told", exact=True).click()
        expect(staff.get_by_text("The carrier was told of the reserves").first).to_be_visible()
        expect(staff.locator(".photos img")).to_have_count(1)
        self.receipt = staff.url
        staff.goto(order)
        staff.locator("summary", has_text="Give up what is missing").click()
        staff.locator("#short").fill("Le fournisseur ne livrera pas le reliquat.")
        staff.get_by_role("button", name="Give up what is missing", exact=True).click()
        expect(staff.get_by_text("Closed short").first).to_be_visible()
        self.order = staff.url

    def hand_over_signed(self, staff: Page, company: str):
        """The second company collects its 10 and signs on the screen."""
        staff.goto(self.receipt)
        staff.get_by_role("row", name=company).get_by_role("link", name="Hand over", exact=True).click()
        expect(staff.locator(".parcel strong")).to_have_text("10")
        staff.get_by_label("Collected by").fill("Camille Roux")
        box = staff.locator("[data-sign] canvas")
        box.scroll_into_view_if_needed()
        corner = box.bounding_box()
        staff.mouse.move(corner["x"] + 30, corner["y"] + 60)
        staff.mouse.down()
        for x, y in [(90, 30), (150, 80), (210, 40)]:
            staff.mouse.move(corner["x"] + x, corner["y"] + y)
        staff.mouse.up()
        staff.get_by_role("button", name="Confirm the hand-over", exact=True).click()
        expect(staff.get_by_alt_text("Signature of Camille Roux")).to_be_visible()

    def settle(self, staff: Page):
        """20 × 400.00 and the freight of 199.00; each company pays 4,000.00 and half of the freight before VAT."""
        staff.goto(self.order)
        staff.get_by_role("link", name="Enter the supplier's invoice", exact=True).click()
        staff.locator("#id_number").fill(f"F-{RUN}")
        staff.locator("#id_issued_on").fill(date.today().isoformat())
        staff.locator("#id_due_on").fill((date.today() + timedelta(days=30)).isoformat())
        staff.get_by_role("button", name="Enter and compare with the order", exact=True).click()
        for button in ["Accept the invoice", "Share it between the companies"]:
            staff.get_by_role("button", name=button, exact=True).click()
        expect(staff.get_by_role("cell", name="€4,099.50", exact=True).first).to_be_visible()
        staff.locator("summary", has_text="Issue the invoices").click()
        staff.get_by_role("button", name="Issue the invoices", exact=True).last.click()
        expect(staff.get_by_text("The companies' invoices are issued.")).to_be_visible()

    def claim(self, buyer: Page) -> str:
        """Two of the ten are damaged: the buyer says so at the delivery and opens a claim."""
        buyer.get_by_role("link", name="Deliveries", exact=True).click()
        part = buyer.get_by_role("row", name=story.TITLE)
        part.locator("summary", has_text="Something is wrong").click()
        part.get_by_label("What is wrong").fill("Deux dossiers fendus")
        part.get_by_role("button", name="Report it", exact=True).click()
        buyer.get_by_role("row", name=story.TITLE).get_by_role("link", name="Open a claim", exact=True).click()
        buyer.get_by_label("Goods are damaged", exact=True).check()
        buyer.locator("#id_text").fill("Deux dossiers fendus au déballage.")
        buyer.locator("input[name^=units]").fill("2")
        buyer.locator("#id_photos").set_input_files([photo()])
        buyer.get_by_role("button", name="Send the claim to the supplier", exact=True).click()
        expect(buyer.get_by_text("Waiting for the supplier").first).to_be_visible()
        return buyer.get_by_role("heading", level=1).inner_text().removeprefix("Claim ")

    def answer_the_claim(self, supplier: Page, link: str):
        """On a phone, without an account."""
        supplier.goto(link)
        expect(supplier.locator(".photos img")).to_have_count(1)
        supplier.get_by_label("We accept and credit", exact=True).check()
        supplier.locator("#id_offered").fill("800,00")
        supplier.get_by_role("button", name="Send the answer", exact=True).click()
        expect(supplier.get_by_text("Thank you, your answer is recorded")).to_be_visible()

    def credit(self, staff: Page, number: str):
        staff.goto("/claims/?state=answered")
        staff.get_by_role("link", name=number, exact=True).click()
        expect(staff.locator("#id_credit")).to_have_value("800.00")
        staff.locator("#id_outcome").select_option(label="Credit to the companies")
        staff.locator("#id_reason").fill("Accord du fournisseur")
        staff.get_by_role("button", name="Close the claim", exact=True).click()
        expect(staff.get_by_text("The claim is closed and the companies concerned are told.")).to_be_visible()

    def see_the_credit(self, buyer: Page):
        """Of the 4,000.00 invoiced, 800.00 come back by a credit note with a number of its own."""
        buyer.reload()
        row = buyer.get_by_role("table", name="Credits").get_by_role("row").last
        expect(row.get_by_role("cell", name="€4,000.00", exact=True)).to_be_visible()
        expect(row.get_by_role("cell", name="€800.00", exact=True)).to_be_visible()
        expect(row.get_by_role("cell", name=re.compile(r"\d{4}-\d+"))).to_be_visible()
