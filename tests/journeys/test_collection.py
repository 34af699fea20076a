"""Money, as a company's accountant and as the association see it: mandate, debit, failure, reminder, card, credit, claim."""

import re
from datetime import date, timedelta

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.journeys.killing import ask, manage, one, until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys")]
POOR = "FR84 2004 1010 0505 0001 3M02 607"  # the bank will return what is debited from it


def collect(stack, at):
    """What beat does every few minutes, as if it were then."""
    done = manage(stack, "collect", "--at", f"{at}T11:00:00+01:00")
    assert done.returncode == 0, done.stderr
    return done.stdout


def working_day(after):
    """A day on which banks settle and offices are open: no Friday, so that no rule about week-ends matters."""
    from companies.billing import calendar

    day = after
    while day.weekday() in (4, 5, 6) or not calendar.is_target_day(day) or day in calendar._french(day.year):
        day += timedelta(days=1)
    return day


class TestCollection:
    def test_goes_from_a_mandate_to_a_claim(self, stack, people):
        accountant, staff = people(stack.door("Accountant")), people(stack.door("Association staff"))
        home = stack.facts["home_company"]
        found = ask(
            stack,
            "SELECT id, number, due_on FROM billing_invoice WHERE company_id = %s AND state = 'due' ORDER BY id LIMIT 1",
            home,
        )
        invoice, number, due_on = found[0]
        self.sign(accountant)
        self.staff_sees(staff, f"/company/{home}/accounts/mandate/", "FR … 2607")
        self.debit(stack, staff, invoice, number, due_on)
        self.see_the_failure(stack, accountant, invoice, number)
        self.staff_sees(
            staff, "/erb/payments/?state=failed", number, "FR … 2607", "There was not enough money on the account."
        )
        self.revoke_and_be_reminded(stack, accountant, invoice, number, due_on)
        self.staff_sees(staff, "/erb/collection/", number, "Payment failed", "1 / 3")
        self.staff_sees(staff, f"/company/{home}/invoices/{invoice}/", "First reminder sent")
        self.pay_by_card(stack, accountant, invoice)
        self.staff_sees(staff, "/erb/payments/?state=succeeded", number, "Card visa … 3184")
        self.credit(staff, home, invoice)
        accountant.goto(f"{stack.base}/company/{home}/invoices/{invoice}/")
        expect(accountant.get_by_text("Session écourtée").first).to_be_visible()
        expect(accountant.get_by_text("refunded").first).to_be_visible()
        self.claim(stack, staff, accountant, invoice, number)
        broken = requests.get(f"{stack.base}/healthz", timeout=10)
        assert broken.status_code == 200

    def staff_sees(self, page: Page, address, *words):
        """What the association's staff is shown of a step: on a list, all in the row of the invoice."""
        page.goto(address)
        row = page.get_by_role("row").filter(has_text=words[0])
        for word in words:
            expect((row if len(words) > 1 else page).get_by_text(word).first).to_be_visible()

    def sign(self, page: Page):
        page.get_by_role("link", name="Accounts", exact=True).first.click()
        page.get_by_role("link", name=re.compile("See the mandate|Sign a mandate")).first.click()
        replace = page.get_by_role("link", name="Replace the account")
        if replace.count():
            replace.click()
        page.locator("#id_iban").fill(POOR)
        page.locator("#id_accepted").check()
        page.get_by_role("button", name="Sign the mandate").click()
        expect(page.get_by_text("The mandate is in force")).to_be_visible()
        expect(page.get_by_text("FR … 2607").first).to_be_visible()

    def debit(self, stack, staff: Page, invoice, number, due_on):
        today = date.today()
        assert "announced" in collect(stack, working_day(today))
        (planned,) = ask(
            stack, "SELECT debit_on FROM billing_planneddebit WHERE invoice_id = %s AND state = 'planned'", invoice
        )
        assert planned[0] >= max(due_on, today)
        self.staff_sees(staff, "/erb/collection/?state=announced", number, "FR … 2607")
        collect(stack, working_day(planned[0]))
        sent = "SELECT count(*) FROM billing_planneddebit WHERE invoice_id = %s AND state = 'sent'"
        until(lambda: one(stack, sent, invoice) == 1)

    def see_the_failure(self, stack, page: Page, invoice, number):
        state = "SELECT state FROM billing_invoice WHERE id = %s"
        until(lambda: one(stack, state, invoice) == "failed")
        page.get_by_role("link", name="Accounts", exact=True).first.click()
        page.get_by_role("link", name=number).first.click()
        expect(page.get_by_text("The payment failed")).to_be_visible()
        expect(page.get_by_text("There was not enough money on the account.").first).to_be_visible()

    def revoke_and_be_reminded(self, stack, page: Page, invoice, number, due_on):
        page.get_by_role("link", name="Accounts", exact=True).first.click()
        page.get_by_role("link", name="See the mandate").click()
        page.get_by_text("Revoke the mandate").first.click()
        page.get_by_role("button", name="Revoke the mandate").click()
        expect(page.get_by_text("The mandate is revoked")).to_be_visible()
        assert "reminders" in collect(stack, working_day(due_on + timedelta(days=8)))
        page.goto(f"{stack.base}/company/{stack.facts['home_company']}/invoices/{invoice}/")
        expect(page.get_by_text("First reminder sent")).to_be_visible()

    def pay_by_card(self, stack, page: Page, invoice):
        page.get_by_role("button", name=re.compile("^Pay")).click()
        page.locator("#number").fill("4000 0027 6000 3184")
        page.locator("#name").fill("Comptabilité")
        page.locator("#email").fill("compta@example.org")
        page.locator("button[name=pay]").click()
        page.locator("button[value=yes]").click()  # the bank asks: 3-D Secure
        expect(page.get_by_text("Payment received")).to_be_visible(timeout=30_000)
        assert one(stack, "SELECT state FROM billing_invoice WHERE id = %s", invoice) == "paid"

    def credit(self, page: Page, home, invoice):
        page.goto(f"/company/{home}/invoices/{invoice}/")
        page.get_by_role("link", name="Issue a credit note").click()
        page.locator("#id_reason").fill("Session écourtée")
        page.locator("input[id^=id_line_]").first.fill("50,00")
        page.get_by_role("button", name="Issue the credit note").click()
        expect(page.get_by_text("is issued")).to_be_visible()
        expect(page.get_by_text("The refund was sent")).to_be_visible()
        expect(page.get_by_text("refunded").first).to_be_visible()

    def claim(self, stack, staff: Page, accountant: Page, invoice, number):
        intent = "SELECT intent_id FROM billing_payment WHERE invoice_id = %s AND state = 'succeeded'"
        answer = requests.post(
            f"{stack.double}/_control/dispute", json={"payment_intent": one(stack, intent, invoice)}, timeout=10
        )
        assert answer.status_code == 200
        until(lambda: one(stack, "SELECT state FROM billing_invoice WHERE id = %s", invoice) == "charged_back")
        staff.get_by_role("link", name="Collection", exact=True).first.click()
        staff.get_by_role("link", name=re.compile("^Payers’ claims")).click()
        expect(staff.get_by_role("link", name=number).first).to_be_visible()
        accountant.get_by_role("link", name="Accounts", exact=True).first.click()
        accountant.get_by_role("link", name=number).first.click()
        expect(accountant.get_by_text("The payment was taken back").first).to_be_visible()
