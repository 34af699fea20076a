"""Main job 2, from the first click to the last: a staff list becomes cards, and a card is used at a till."""

import csv
import io
import re
import secrets
import subprocess
from datetime import date
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.fake_camera import film_pictures
from tests.journeys.mails import link_in, wait_for_mail

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys")]

RUN = secrets.token_hex(2)
PEOPLE = 120
CAMERA = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]


def staff_list() -> bytes:
    """As a payroll program writes it: Windows-1252, semicolons, French headings."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";")
    writer.writerow(["Matricule", "Nom", "Prénom", "Courriel", "Date d'entrée"])
    for number in range(PEOPLE):
        letters = "".join("abcdefghij"[int(digit)] for digit in f"{number:03d}")
        writer.writerow([f"J{RUN}{number:04d}", "Aaaron", f"Édith-{letters}", "", "01/09/2026"])
    return out.getvalue().encode("cp1252")


def words_of(pdf: Path) -> str:
    return subprocess.run(["pdftotext", "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout


def picture_of(pdf: Path, dpi: int = 200) -> Image.Image:
    """The first page as a printer would put it on paper."""
    stem = pdf.with_suffix("")
    subprocess.run(["pdftoppm", "-r", str(dpi), "-f", "1", "-l", "1", "-png", str(pdf), str(stem)], check=True)
    return Image.open(next(pdf.parent.glob(f"{stem.name}*.png"))).convert("L")


def save(page: Page, selector: str, path: Path) -> Path:
    with page.expect_download() as download:
        page.locator(selector).first.evaluate("link => { link.download = ''; link.click(); }")
    download.value.save_as(path)
    return path


class TestAPrintedCard:
    def test_goes_from_the_staff_list_to_the_history(
        self, stack, people, tmp_path, browser_type, browser_type_launch_args
    ):
        hr = people(stack.door("Human resources"))
        hr.set_default_timeout(20_000)
        self.import_the_list(hr)
        sheet, letters = self.make_cards(hr, tmp_path)
        owner = people(stack.door("Merchant"))
        offer = self.publish_an_offer(owner)
        pairing = self.pairing_code(owner, tmp_path)
        phone = people(width=360)
        self.activate(stack, phone, letters)
        movie = film_pictures(tmp_path / "camera.y4m", [(pairing, 6), (self.first_card(sheet), 60)])
        flags = [*browser_type_launch_args["args"], *CAMERA, f"--use-file-for-fake-video-capture={movie}"]
        camera = browser_type.launch(**{**browser_type_launch_args, "args": flags})
        try:
            till = camera.new_page(base_url=stack.base, viewport={"width": 390, "height": 844})
            self.sell(till, offer)
            self.sees_it_in_the_history(phone, offer)
            owner.goto(re.sub(r"(/merchant/\d+/).*", r"\1today/", owner.url))
            expect(owner.get_by_text(offer).first).to_be_visible()
            self.undo(till)
        finally:
            camera.close()
        phone.reload()
        expect(phone.get_by_text(re.compile("ndone|ancelled|aken back")).first).to_be_visible()
        self.employer_learns_nothing(hr, offer)

    @staticmethod
    def employer_learns_nothing(hr: Page, offer: str):
        """The employer sees that a card exists and is open, never where it was used."""
        hr.get_by_role("link", name="Cards", exact=True).first.click()
        cards = hr.url
        hr.get_by_role("link", name=re.compile("Aaaron")).first.click()
        for address in [cards, hr.url]:
            hr.goto(address)
            assert offer not in hr.content() and "72,00" not in hr.content()

    def import_the_list(self, hr: Page):
        """Dry run first, then whole or not at all."""
        hr.get_by_role("link", name="Employees").first.click()
        hr.get_by_role("link", name="Import a list").first.click()
        hr.locator("input[type=file]").set_input_files(
            {"name": "personnel.csv", "mimeType": "text/csv", "buffer": staff_list()}
        )
        hr.locator("input[name=full]").first.check()
        hr.get_by_role("button", name="Check the file").click()
        hr.wait_for_url(re.compile(r"/imports/\d+/"))
        review = hr.url
        self.until(hr, review, "form[action$='/apply/']")
        hr.get_by_role("button", name=f"Apply {PEOPLE} lines").click()
        self.until(hr, review, "form[action$='/undo/']")

    def make_cards(self, hr: Page, folder: Path) -> tuple[Path, Path]:
        """One batch in the background, its print sheet and its letters."""
        hr.get_by_role("link", name="Cards", exact=True).first.click()
        hr.locator("form[action$='/cards/issue/'] button.btn-primary").first.click()
        hr.wait_for_url(re.compile(r"/cards/batches/\d+/"))
        batch = hr.url
        self.until(hr, batch, "input[value=sheet]")
        hr.locator("form", has=hr.locator("input[value=sheet]")).get_by_role("button").click()
        self.until(hr, batch, "a[href$='sheet.pdf']")
        hr.locator("form", has=hr.locator("input[value=letters]")).get_by_role("button").click()
        self.until(hr, batch, "a[href$='letters.pdf']")
        return (
            save(hr, "a[href$='sheet.pdf']", folder / "sheet.pdf"),
            save(hr, "a[href$='letters.pdf']", folder / "letters.pdf"),
        )

    @staticmethod
    def until(page: Page, address: str, selector: str):
        """Come back to a page until the worker has done its part."""
        for _ in range(60):
            page.goto(address)
            if page.locator(selector).count():
                return
            page.wait_for_timeout(500)
        raise AssertionError(f"{selector} never came")

    def publish_an_offer(self, owner: Page) -> str:
        title = f"Dix pour cent {RUN}"
        owner.locator(".places").get_by_role("link", name="Offers").click()
        owner.get_by_role("link", name="Create an offer").first.click()
        owner.locator("[name=kind][value=percent]").or_(owner.locator("select[name=kind]")).first.wait_for()
        if owner.locator("select[name=kind]").count():
            owner.locator("select[name=kind]").select_option("percent")
        else:
            owner.locator("[name=kind][value=percent]").check()
        owner.locator("#id_percent").fill("10")
        owner.locator("#id_title").fill(title)
        owner.locator("#id_starts_on").fill(date.today().isoformat())
        owner.locator("#id_per_person_limit").fill("1")
        owner.get_by_role("button", name="Save the offer").click()
        owner.get_by_role("button", name="Publish this offer").click()
        expect(owner.get_by_text("Published").first).to_be_visible()
        return title

    def pairing_code(self, owner: Page, folder: Path) -> Image.Image:
        """The square the owner holds before the till's camera."""
        owner.locator(".places").get_by_role("link", name="Tills").click()
        owner.locator("#id_till_name").fill(f"Comptoir {RUN}")
        owner.get_by_role("button", name="Create a link code").click()
        square = owner.locator(".qr__code").first
        square.screenshot(path=folder / "pairing.png")
        return Image.open(folder / "pairing.png").convert("L")

    def activate(self, stack, phone: Page, letters: Path):
        """The first letter's code and a private address the company never learns."""
        code = re.search(r"\b[0-9A-Z]{3,5}(?: [0-9A-Z]{1,5}){2,3}\b", words_of(letters)).group()
        address = f"prive-{RUN}@maison.example"
        phone.goto("/activate/")
        phone.locator("#code").fill(code)
        phone.locator("#email").fill(address)
        phone.get_by_role("button", name="Send me the link").click()
        phone.goto(link_in(wait_for_mail(stack, phone, address), "/activate/"))
        phone.get_by_role("button", name="Open my card on this phone").click()
        phone.goto("/card/")
        expect(phone.locator("#code svg").first).to_be_visible()
        expect(phone.locator("#short")).to_have_text(re.compile(r"\w{3} \w{3} \w{3} \w"))

    @staticmethod
    def first_card(sheet: Path) -> Image.Image:
        page = picture_of(sheet)
        return page.crop((0, 0, page.width // 2, page.height // 5))

    def sell(self, till: Page, offer: str):
        """The camera reads the pairing code, then the card; the cashier chooses, types the price and confirms."""
        till.goto("/till/")
        choice = till.locator("label.offer", has_text=offer)
        expect(choice).to_be_visible(timeout=60_000)
        expect(till.locator("#holder")).to_contain_text("Édith-")
        choice.click()
        for key in ["8", "0", ",", "0", "0"]:
            till.locator(f"[data-key='{key}']").click()
        till.locator("#confirm").click()
        expect(till.locator("#result-big")).to_contain_text("72,00")

    def sees_it_in_the_history(self, phone: Page, offer: str):
        phone.goto("/me/redemptions/")
        expect(phone.get_by_text(offer).first).to_be_visible()

    def undo(self, till: Page):
        till.locator("#result-undo").click()
        expect(till.locator("#result-sentence")).to_be_visible()
        expect(till.locator("#result-undo")).to_be_hidden()
