"""Main job 1, from the first click to the last: a pooled order of two companies."""

import re
import secrets
from datetime import date, timedelta

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.journeys.mails import link_in, wait_for_mail

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys")]

RUN = secrets.token_hex(2)  # another name at each run, so that a story may be told twice to the same demo
ARTICLE = f"Établi d’atelier hêtre {RUN}"
TITLE = f"Établis d’atelier {RUN}"
SUPPLIERS = [
    (f"Bois et Métal {RUN}", f"devis-{RUN}@bois-metal.example"),
    (f"Ateliers Rhodaniens {RUN}", f"offres-{RUN}@rhodaniens.example"),
]


def file_request(page: Page, quantity: str, tolerance: str):
    page.get_by_role("link", name="Requests", exact=True).click()
    page.get_by_role("link", name="Write a request").first.click()
    page.locator("#id_title").fill(TITLE)
    page.locator("#id_needed_by").fill((date.today() + timedelta(days=90)).isoformat())
    row = page.locator("fieldset.need-row").first
    for name, value in [
        ("text", ARTICLE),
        ("quantity", quantity),
        ("tolerance", tolerance),
        ("ref_price_e4", "400,00"),
    ]:
        row.locator(f"input[name$={name}]").fill(value)
    page.get_by_role("button", name="Submit the request").click()
    expect(page.get_by_text("Submitted").first).to_be_visible()


def approve(page: Page):
    page.get_by_role("link", name="Requests", exact=True).click()
    page.get_by_role("link", name=TITLE).first.click()
    page.get_by_role("button", name="Approve the request").click()
    expect(page.get_by_text("Approved").first).to_be_visible()


def answer_as_supplier(page: Page, link: str, first: str, second: str, freight: str):
    """On a phone, without an account: one article with two tiers, then the conditions."""
    page.goto(link)
    page.get_by_role("link", name="Start answering").click()
    page.locator("input[name=from1]").fill("1")
    page.locator("input[name=price1]").fill(first)
    page.locator("input[name=from2]").fill("30")
    page.locator("input[name=price2]").fill(second)
    page.locator("input[name=pack]").fill("12")
    page.get_by_role("button", name="Save and go on").click()
    page.locator("#id_valid_until").fill((date.today() + timedelta(days=60)).isoformat())
    page.locator("#id_lead_days").fill("15")
    page.locator("#id_freight_cents").fill(freight)
    page.locator("#id_franco_cents").fill("50000")
    page.locator("#id_signatory").fill("Service commercial")
    page.get_by_role("button", name="Send the quote").click()
    expect(page.get_by_text("was sent on").first).to_be_visible()


class TestAPooledOrder:
    def test_runs_from_the_first_need_to_the_paid_invoice(self, stack, people):
        doors = [line for line in stack.lines if "Buyer," in line]
        companies = [re.search(r"Buyer, (.*?)\s+http", line).group(1) for line in doors]
        buyers = [people(re.search(r"http\S+", line).group()) for line in doors]
        for buyer, (quantity, tolerance) in zip(buyers, [("10", "2"), ("20", "4")], strict=True):
            file_request(buyer, quantity, tolerance)
        for company in companies:
            approve(people(stack.door(f"Approver, {company}")))
        staff = people(stack.door("Association staff"))
        self.open_the_pool(staff)
        suppliers = self.ask_suppliers(stack, staff)
        answer_as_supplier(people(width=360), suppliers[0], "400,00", "349,17", "199,00")
        answer_as_supplier(people(width=360), suppliers[1], "390,00", "360,00", "150,00")
        self.award(staff, people(stack.door("Association staff, second person")))
        for buyer, company, (quantity, tolerance) in zip(buyers, companies, [("10", "2"), ("20", "4")], strict=True):
            self.commit(buyer, quantity, tolerance)
            self.approve_commitment(people(stack.door(f"Approver, {company}")))
        self.let_the_deadline_pass(stack)
        self.lock_and_order(staff)
        order_link = link_in(wait_for_mail(stack, staff, SUPPLIERS[0][1], "/q/order/"), "/q/order/")
        self.acknowledge(people(width=360), order_link)
        self.receive_short(staff)
        self.settle(staff)
        self.pay_by_card(stack, people(stack.door("Accountant")))

    def open_the_pool(self, staff: Page):
        staff.goto("/pools/needs/")
        staff.locator("tr", has_text=ARTICLE).locator("input[name=group]").check()
        staff.get_by_role("button", name="Open a pool from the chosen needs").click()
        staff.locator("#id_title").fill(TITLE)
        staff.get_by_role("button", name="Open the pool").click()
        staff.get_by_role("button", name="Show the pool to all companies").click()
        expect(staff.get_by_role("link", name="Ask suppliers for quotes")).to_be_visible()

    def ask_suppliers(self, stack, staff: Page):
        """Add two suppliers, invite them, and return their links as their mails carry them."""
        pool = staff.url
        for name, address in SUPPLIERS:
            staff.goto("/suppliers/new/")
            staff.locator("#id_name").fill(name)
            staff.locator("#id_category").select_option(label="Mechanics")
            staff.locator("#id_contact_name").fill("Service commercial")
            staff.locator("#id_contact_email").fill(address)
            staff.locator("main form button.btn-primary").first.click()
            expect(staff.get_by_text(name).first).to_be_visible()
        staff.goto(pool)
        staff.get_by_role("link", name="Ask suppliers for quotes").click()
        staff.get_by_role("button", name="Save and choose suppliers").click()
        for name, _address in SUPPLIERS:
            staff.locator("label", has_text=name).locator("input").or_(staff.get_by_label(name)).first.check()
        staff.locator("form", has=staff.locator("input[name=suppliers]")).get_by_role("button").last.click()
        staff.get_by_role("button", name="Send to 2 suppliers").click()
        return [link_in(wait_for_mail(stack, staff, address, TITLE), "/q/") for _name, address in SUPPLIERS]

    def award(self, staff: Page, second: Page):
        """Above the threshold, whoever opened the quotes needs a second person."""
        staff.reload()
        staff.get_by_role("button", name="Open the quotes").click()
        expect(staff.get_by_text("cheapest complete", exact=True)).to_be_visible()
        staff.get_by_role("link", name="Cheapest combination").click()
        staff.get_by_role("button", name="Compute the cheapest combination").click()  # in the worker
        expect(staff.get_by_text("No other combination of these quotes costs less")).to_be_visible(timeout=60_000)
        staff.locator("#study-reason").fill("Moins cher, rendu, et livré en quinze jours.")
        staff.get_by_role("button", name="Award 1 line as computed").click()
        expect(staff.get_by_text("This award waits for a second person")).to_be_visible()
        second.goto(staff.url)
        second.get_by_role("button", name="Confirm the award").click()
        staff.reload()
        expect(staff.get_by_text("Awarded:").first).to_be_visible()
        staff.get_by_role("link", name="Back to the pool").click()
        staff.locator("#id_completes_at").fill("")
        staff.get_by_role("button", name=re.compile("for commitments")).click()
        expect(staff.get_by_text("Commitments until").first).to_be_visible()

    def commit(self, buyer: Page, quantity: str, tolerance: str):
        """On the last evening, on a phone: quantity, tolerance, price cap."""
        buyer.set_viewport_size({"width": 360, "height": 780})
        buyer.get_by_role("link", name="Pooled orders").click()
        buyer.get_by_role("link", name=TITLE).first.click()
        buyer.get_by_role("link", name=re.compile("ommit")).first.click()
        buyer.locator("input[name$=quantity]").fill(quantity)
        buyer.locator("input[name$=tolerance]").first.fill(tolerance)
        buyer.locator("details.choices > summary").first.click()
        buyer.locator("input[name$=price_cap]").fill("360,00")
        buyer.get_by_role("button", name="Confirm the commitment").click()
        expect(buyer.get_by_role("button", name="Confirm the changed commitment")).to_be_visible()

    def approve_commitment(self, approver: Page):
        approver.get_by_role("link", name="Pooled orders").click()
        approver.get_by_role("link", name=TITLE).first.click()
        approver.get_by_role("link", name=re.compile("ommit")).first.click()
        button = approver.get_by_role("button", name="Approve the commitment")
        if button.count():
            button.click()
            expect(button).to_have_count(0)

    def let_the_deadline_pass(self, stack):
        """The test cannot wait for days: it moves the deadline instead of the clock."""
        with psycopg.connect(stack.database_url) as connection:
            connection.execute("UPDATE purchasing_pool SET closes_at = now() WHERE title = %s", [TITLE])

    def lock_and_order(self, staff: Page):
        staff.get_by_role("link", name="Commitments and goods").click()
        lock = staff.get_by_role("button", name="Lock the pool")
        if lock.count():  # the clock may have been faster
            lock.click()
        staff.get_by_role("button", name="Prepare the orders").click()
        staff.locator("main").get_by_role("link", name=re.compile(r"^BC|^PO|\d{4}")).first.click()
        expect(staff.get_by_text("36").first).to_be_visible()
        staff.locator("summary", has_text="Sign and send").click()
        staff.get_by_role("button", name="Sign and send").last.click()
        expect(staff.get_by_text("Sent").first).to_be_visible()

    def acknowledge(self, supplier: Page, link: str):
        supplier.goto(link)
        supplier.get_by_role("button", name="Acknowledge the order").click()
        expect(supplier.locator(".panel--success").first).to_be_visible()

    def receive_short(self, staff: Page):
        """30 of 36 arrive: 10 and 20 by the shortage rule."""
        staff.reload()
        order = staff.url
        staff.get_by_role("link", name="Enter a delivery").click()
        staff.locator("input[name^=counted]").fill("30")
        staff.get_by_role("button", name="Enter and share out").click()
        expect(staff.get_by_text(re.compile(r"\b10\b")).first).to_be_visible()
        expect(staff.get_by_text(re.compile(r"\b20\b")).first).to_be_visible()
        staff.goto(order)
        staff.locator("summary", has_text=re.compile("missing|short|Give up")).first.click()
        staff.locator("#short").fill("Le fournisseur ne livrera pas le reliquat.")
        staff.get_by_role("button", name="Give up what is missing").click()

    def settle(self, staff: Page):
        """The supplier bills 30 × 349.17 and 199.00 of freight; the shares are 3,558.03 and 7,116.07 before VAT."""
        staff.get_by_role("link", name="Enter the supplier's invoice").click()
        staff.locator("#id_number").fill(f"F-{RUN}")
        staff.locator("#id_issued_on").fill(date.today().isoformat())
        staff.locator("#id_due_on").fill((date.today() + timedelta(days=30)).isoformat())
        staff.locator("#id_freight").fill("199,00")
        staff.get_by_role("button", name="Enter and compare with the order").click()
        for button in ["Accept the invoice", "Share it between the companies"]:
            staff.get_by_role("button", name=button).click()
        expect(staff.get_by_text("€3,558.03").first).to_be_visible()
        expect(staff.get_by_text("€7,116.07").first).to_be_visible()
        staff.locator("summary", has_text="Issue the invoices").click()
        staff.get_by_role("button", name="Issue the invoices").last.click()
        expect(staff.get_by_text(re.compile("issued", re.IGNORECASE)).first).to_be_visible()

    def pay_by_card(self, stack, accountant: Page):
        """On the double's page, over real HTTP; the webhook marks the invoice paid."""
        accountant.locator(".places").get_by_role("link", name="Invoices").click()
        accountant.locator("tr", has_text="4,269.64").get_by_role("link").first.click()
        self.wait_for_pdf(accountant)
        accountant.get_by_role("button", name=re.compile("^Pay")).click()
        accountant.locator("#number").fill("4242 4242 4242 4242")
        accountant.locator("#expiry").fill("12 / 34")
        accountant.locator("#cvc").fill("123")
        accountant.locator("button.main").click()
        expect(accountant.get_by_text("Payment received")).to_be_visible(timeout=20_000)
        accountant.get_by_role("link", name="Go to the invoice").click()
        expect(accountant.locator(".tag", has_text="Paid").first).to_be_visible()

    @staticmethod
    def wait_for_pdf(page: Page):
        """The worker renders it a moment after the invoice was issued."""
        href = page.get_by_role("link", name="Download the PDF").get_attribute("href")
        for _ in range(40):
            answer = page.request.get(href)
            if answer.ok and answer.body().startswith(b"%PDF"):
                return
            page.wait_for_timeout(500)
        raise AssertionError(f"no PDF: {answer.status}")
