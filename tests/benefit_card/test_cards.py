"""Making, printing, opening, blocking and replacing cards."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.core.cache import cache
from pypdf import PdfReader

from benefit_card import credential, key_set, keyring, sheets
from benefit_card.models import Card, CardBatch, PublishedList, SigningKey
from benefit_card.services import activation, cards, keys, lists, passes, printing
from benefit_card.tasks import issue_batch, render_letters, render_printer, render_sheet
from companies.errors import NotAllowed
from companies.models import AuditEntry, Employment, Job, JobState, Person, Role, User
from tests.factories.benefit_card import card, print_code, typed_code
from tests.factories.companies import CompanyFactory, EmploymentFactory, UserFactory, member

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def company():
    return CompanyFactory()


@pytest.fixture
def hr(company):
    return member(company, Role.HR)


def employ(company, count: int) -> list[Employment]:
    people = Person.objects.bulk_create(Person(first_name=f"Prénom{n}", last_name=f"Nom{n}") for n in range(count))
    return Employment.objects.bulk_create(
        Employment(person=person, company=company, starts_on=date(2025, 1, 1)) for person in people
    )


def made(company, hr, **more) -> CardBatch:
    batch = cards.request_batch(actor=hr, company=company, at=NOW, **more)
    cards.issue_batch(batch_id=batch.pk, at=NOW)
    batch.refresh_from_db()
    return batch


class TestBatch:
    def test_gives_each_card_a_place_of_its_own_and_no_key_more_than_500(self, company, hr):
        """How long 4,000 take is told by the benchmark `cards`."""
        employ(company, 1200)
        batch = cards.request_batch(actor=hr, company=company, at=NOW)
        assert cards.issue_batch(batch_id=batch.pk, at=NOW) == 1200
        assert Card.objects.values("status_index").distinct().count() == 1200
        assert SigningKey.objects.filter(use="print").count() == 3  # a leak costs 500 cards
        assert all(key.cards <= 500 for key in SigningKey.objects.filter(use="print"))

    def test_resumes_after_a_crash_and_makes_no_card_twice(self, company, hr, monkeypatch):
        employ(company, 7)
        monkeypatch.setattr(cards, "CHUNK", 3)
        batch = cards.request_batch(actor=hr, company=company, at=NOW)

        def crash(done):
            raise RuntimeError("killed")

        with pytest.raises(RuntimeError):
            cards.issue_batch(batch_id=batch.pk, at=NOW, on_chunk=crash)
        assert Card.objects.count() == 3
        for _again in range(2):
            assert cards.issue_batch(batch_id=batch.pk, at=NOW) == 7
        assert Card.objects.count() == 7

    def test_tells_its_progress(self, company, hr, monkeypatch):
        employ(company, 5)
        monkeypatch.setattr(cards, "CHUNK", 2)
        batch = cards.request_batch(actor=hr, company=company, at=NOW)
        issue_batch(job_id=str(batch.job.pk))
        job = Job.objects.get()
        assert (job.state, job.done, job.total) == (JobState.DONE, 5, 5)
        assert job.result["url"] == f"/company/{company.pk}/cards/batches/{batch.pk}/"

    def test_is_for_those_without_a_card_whoever_employs_them_too(self, company, hr):
        held = card().person
        EmploymentFactory(person=held, company=company)
        EmploymentFactory(company=company, ended=True)
        waiting = EmploymentFactory(company=company)
        stranger = EmploymentFactory()
        batch = made(company, hr, people=[held.pk, waiting.person_id, stranger.person_id])
        assert batch.people == [waiting.person_id]
        with pytest.raises(cards.NobodyNeedsCard):
            cards.request_batch(actor=hr, company=company, at=NOW)

    @pytest.mark.parametrize("role", [Role.BUYER, Role.APPROVER, Role.ACCOUNTANT])
    def test_is_not_for_other_roles(self, company, role):
        employ(company, 1)
        with pytest.raises(NotAllowed):
            cards.request_batch(actor=member(company, role), company=company, at=NOW)

    def test_of_a_suspended_company_is_refused(self):
        company = CompanyFactory(suspended=True)
        employ(company, 1)
        with pytest.raises(cards.CompanyNotMember):
            cards.request_batch(actor=member(company, Role.HR), company=company, at=NOW)

    def test_leaves_an_audit_row_for_every_card(self, company, hr):
        employ(company, 3)
        made(company, hr)
        assert AuditEntry.objects.filter(action="card.made", actor=hr, company=company).count() == 3

    def test_ends_cards_with_the_last_known_day_of_work(self, company, hr):
        EmploymentFactory(company=company, ends_on=date(2026, 6, 30))
        EmploymentFactory(company=company)
        made(company, hr)
        assert set(Card.objects.values_list("valid_until", flat=True)) == {date(2026, 6, 30), date(2028, 12, 31)}


class TestSheetOfABatch:
    def test_fails_with_a_sentence_when_the_pages_cannot_be_set(self, company, hr, monkeypatch):
        employ(company, 1)
        batch = made(company, hr)
        job = printing.request(actor=hr, batch=batch, what="sheet", at=NOW)
        monkeypatch.setattr(sheets, "_points", lambda name: "nonsense")
        render_sheet(job_id=str(job.pk))
        job.refresh_from_db()
        assert job.state == JobState.FAILED and job.error

    def test_is_one_pdf_in_the_order_of_names(self, company, hr):
        """Case: printed batch for a company: one PDF, stable order."""
        for first, last in (("Zoé", "Étienne"), ("Ana", "Zola"), ("Léa", "eberlé"), ("Bob", "Adam")):
            EmploymentFactory(company=company, person__first_name=first, person__last_name=last)
        batch = made(company, hr)
        job = printing.request(actor=hr, batch=batch, what="sheet", at=NOW)
        render_sheet(job_id=str(job.pk))
        batch.refresh_from_db()
        text = PdfReader(io.BytesIO(bytes(batch.sheet.content))).pages[0].extract_text()
        assert re.findall("Bob A|Léa E|Zoé É|Ana Z", text) == ["Bob A", "Léa E", "Zoé É", "Ana Z"]
        assert "Étienne" not in text
        assert Card.objects.filter(printed_at=None).count() == 0
        assert Job.objects.get(pk=job.pk).state == JobState.DONE

    def test_leaves_out_what_was_replaced(self, company, hr):
        employ(company, 2)
        batch = made(company, hr)
        first = batch.cards.order_by("pk").first()
        cards.replace(actor=hr, card=first, company=company, at=NOW)
        assert [one.pk for one in printing.in_order(batch)] == [batch.cards.order_by("pk").last().pk]

    def test_has_letters_whose_code_opens_the_card(self, company, hr, mailoutbox, client):
        employ(company, 2)
        batch = made(company, hr)
        job = printing.request(actor=hr, batch=batch, what="letters", at=NOW)
        render_letters(job_id=str(job.pk))
        batch.refresh_from_db()
        pages = PdfReader(io.BytesIO(bytes(batch.letters.content))).pages
        assert len(pages) == 2
        code = re.search(r"\b(\w{3} \w{3} \w{3} \w)\b", pages[0].extract_text())[1]
        answer = client.post("/activate/", {"code": code.lower(), "email": "moi@prive.example"})
        assert answer.status_code == 200, answer.content

    def letters(self, company, hr, batch, **more):
        job = printing.request(actor=hr, batch=batch, what="letters", at=NOW, **more)
        render_letters(job_id=str(job.pk))
        batch.refresh_from_db()
        pages = PdfReader(io.BytesIO(bytes(batch.letters.content))).pages
        return [page.extract_text() for page in pages]

    def test_shows_no_name_through_the_window_unless_chosen(self, company, hr):
        """Case: printed batch: stable order, no name visible through the window envelope unless chosen."""
        employ(company, 2)
        batch = made(company, hr)
        plain = self.letters(company, hr, batch)
        assert ["Pli 1 sur 2" in plain[0], "Pli 2 sur 2" in plain[1]] == [True, True]
        assert [text.count("Prénom0 Nom0") for text in plain] == [1, 0]  # in the letter, below the window
        named = self.letters(company, hr, batch, names=True)
        assert [text.count("Prénom0 Nom0") for text in named] == [2, 0] and "Pli 1" not in named[0]

    def test_comes_as_one_card_a_page_for_a_card_printer(self, company, hr):
        employ(company, 3)
        batch = made(company, hr)
        job = printing.request(actor=hr, batch=batch, what="printer", at=NOW)
        render_printer(job_id=str(job.pk))
        batch.refresh_from_db()
        pages = PdfReader(io.BytesIO(bytes(batch.printer.content))).pages
        assert [round(float(side) / 72 * 25.4, 1) for page in pages for side in page.mediabox[2:]] == [85.6, 54.0] * 3
        assert ["Prénom0 N." in pages[0].extract_text(), "Prénom2 N." in pages[2].extract_text()] == [True, True]


class TestActivation:
    def link(self, made_card: Card, email: str = "moi@prive.example") -> str:
        from companies.models import OutboxMail

        code = activation.draw_codes([made_card], channel="letter", at=now())[made_card.pk]
        activation.request_link(code=code, email=email, at=now())
        body = OutboxMail.objects.order_by("-pk").first().body
        return re.search(r"/activate/(\S+?)/", body)[1]

    def test_opens_the_card_for_the_mailbox_that_was_proven(self, client):
        made_card = card()
        token = self.link(made_card)
        assert client.get(f"/activate/{token}/").status_code == 200
        made_card.refresh_from_db()
        assert made_card.activated_at is None  # a mail scanner that follows links opens nothing
        answer = client.post(f"/activate/{token}/")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/card/")
        made_card.refresh_from_db()
        user = User.objects.get(email="moi@prive.example")
        assert made_card.activated_at and made_card.person.user == user
        assert client.get("/card/").status_code == 200

    def test_works_once(self):
        token = self.link(card())
        activation.activate(token=token, at=now())
        with pytest.raises(activation.ActivationRefused):
            activation.activate(token=token, at=now())

    def test_ends_after_two_months(self):
        token = self.link(card())
        with pytest.raises(activation.ActivationRefused):
            activation.activate(token=token, at=now() + timedelta(days=61))

    def test_opens_neither_a_lost_nor_a_replaced_card_nor_by_an_older_letter(self):
        """Case: lost card, re-issued card: the letters that went out before open nothing."""
        for change in ({"blocked_at": now()}, {"replaced_at": now() + timedelta(minutes=1)}):
            held = card()
            token = self.link(held)
            Card.objects.filter(pk=held.pk).update(**change)
            with pytest.raises(activation.ActivationRefused):
                activation.activate(token=token, at=now())
        held = card()
        first = activation.draw_codes([held], channel="letter", at=now())[held.pk]
        second = activation.draw_codes([held], channel="letter", at=now())[held.pk]
        assert not activation.usable(first, at=now()).exists() and activation.usable(second, at=now()).exists()

    def test_of_a_card_by_who_is_signed_in_needs_to_be_its_holder(self):
        held = card()
        with pytest.raises(NotAllowed):
            activation.open_own(actor=UserFactory(), card=held, at=now())
        assert Card.objects.get(pk=held.pk).activated_at is None

    def test_does_not_take_over_anybody_s_account(self):
        other = card()
        other.person.user = UserFactory(email="moi@prive.example")
        other.person.save()
        with pytest.raises(activation.AddressTaken):
            activation.activate(token=self.link(card()), at=now())

    def test_does_not_sign_anybody_in_who_had_an_account(self, client):
        UserFactory(email="moi@prive.example")
        answer = client.post(f"/activate/{self.link(card())}/")
        assert answer.headers["Location"].startswith("/accounts/login/")

    def test_keeps_the_address_from_the_company(self, company, hr, client):
        employ(company, 1)
        batch = made(company, hr)
        holder = batch.cards.get()
        activation.activate(token=self.link(holder), at=now())
        client.force_login(hr)
        for path in ("", f"batches/{batch.pk}/", f"{holder.pk}/"):
            page = client.get(f"/company/{company.pk}/cards/{path}")
            assert page.status_code == 200
            assert "prive.example" not in page.content.decode()

    def test_slows_down_guessing_and_not_an_office_behind_one_address(self, client):
        for right in range(12):
            ask = {
                "code": activation.draw_codes([card()], channel="letter", at=now()).popitem()[1],
                "email": f"m{right}@b.fr",
            }
            assert client.post("/activate/", ask).status_code == 200
        answers = [client.post("/activate/", {"code": "x", "email": "a@b.fr"}) for _guess in range(11)]
        assert {answer.status_code for answer in answers} == {400}
        assert "Too many" in answers[-1].content.decode() or "Trop" in answers[-1].content.decode()

    def test_mails_a_letters_link_five_times_an_hour_at_most(self, company, hr, client):
        """The same letter is mailed five times an hour at most."""
        employ(company, 3)
        batch = made(company, hr)
        codes = activation.draw_codes(batch.cards.all(), channel="letter", at=now()).values()
        answers = [
            client.post("/activate/", {"code": code, "email": f"{n}{turn}@b.example"}).status_code
            for turn in range(6) for n, code in enumerate(codes)
        ]  # fmt: skip
        assert answers == [200] * 15 + [400] * 3

    def test_by_the_work_address_needs_no_code(self, company, hr):
        EmploymentFactory(company=company, email="travail@entreprise.example")
        batch = made(company, hr)
        assert activation.send_links(actor=hr, company=company, cards=batch.cards.all(), at=NOW) == 1


class TestLostCard:
    def test_is_blocked_and_replaced_by_its_holder_in_one_step(self, client):
        old = card()
        old.person.user = UserFactory()
        old.person.save()
        client.force_login(old.person.user)
        assert client.post("/me/card/lost/", {"then": "replace"}).headers["Location"] == "/card/"
        new = Card.objects.current().get(person=old.person)
        assert (new.generation, new.activated_at is not None) == (1, True)
        assert client.get("/card/").status_code == 200
        document = lists.revocations(at=datetime.now(UTC), changed=True).document
        opened = key_set.read_list_with(document, keys=keys.current_keys())
        assert opened.revoked(old.status_index) and not opened.revoked(new.status_index)

    def test_found_again_works_on_paper_too_but_nobody_undoes_another_s_block(self, client, company, hr):
        """Lost and found by oneself in a minute."""
        made = card()
        made.person.user = UserFactory()
        made.person.save()
        client.force_login(made.person.user)
        client.post("/me/card/lost/")
        assert Card.objects.get(pk=made.pk).blocked_by_holder
        assert "J’ai retrouvé ma carte" in client.get("/me/card/").content.decode()
        client.post("/me/card/found/")
        assert Card.objects.get(pk=made.pk).blocked_at is None
        EmploymentFactory(person=made.person, company=company)
        cards.block(actor=hr, card=made, reason="lost", at=now())
        with pytest.raises(cards.CardNotFoundAgain):
            cards.found(actor=made.person.user, card=made, at=now())
        with pytest.raises(NotAllowed):
            cards.found(actor=hr, card=made, at=now())

    def test_printed_again_revokes_only_that_card(self, company, hr):
        """Case: re-print of one card revokes only that card."""
        employ(company, 3)
        batch = made(company, hr)
        old, *others = batch.cards.order_by("pk")
        new = cards.replace(actor=hr, card=old, company=company, at=NOW)
        assert list(Card.objects.revoked(at=NOW)) == [Card.objects.get(pk=old.pk)]
        assert new.batch.people == [old.person_id] and {card.pk for card in others} < set(
            Card.objects.current().values_list("pk", flat=True)
        )

    def test_of_a_stranger_is_out_of_reach(self, client):
        other = card()
        with pytest.raises(NotAllowed):
            cards.block(actor=UserFactory(), card=other, reason="lost", at=NOW)


class TestPasses:
    def holder(self, client) -> Card:
        made_card = card()
        made_card.person.user = UserFactory()
        made_card.person.save()
        Card.objects.filter(pk=made_card.pk).update(activated_at=NOW)
        client.force_login(made_card.person.user)
        return made_card

    def test_last_seven_days_and_verify_in_every_slot(self, client):
        made_card = self.holder(client)
        data = client.get("/card/passes/").json()
        now = datetime.now(UTC)
        assert [one["day"] for one in data["passes"]] == [credential.utc_day(now) + n for n in range(7)]
        assert data["short_code"].replace(" ", "") == typed_code(made_card)
        drawn = {one["seed_hex"] for one in data["passes"]}
        assert len(drawn) == 7, "Threat: seed export: whoever copies a day has that day"
        assert passes.seed(made_card.status_index, 1, data["passes"][0]["day"]).hex() not in drawn
        for one in (data["passes"][0], data["passes"][6]):
            for slot in (0, 1, 2879):
                prefix, seed = bytes.fromhex(one["token_prefix_hex"]), bytes.fromhex(one["seed_hex"])
                text = credential.to_text(credential.phone_code(prefix, seed=seed, slot=slot))
                at = credential.slot_start(one["day"] * 2880 + slot)
                check = credential.verify(text, keys=keys.current_keys(), at=max(at, now))
                assert check.token.index == made_card.status_index
                if at > now:
                    assert credential.verify(text, keys=keys.current_keys(), at=at).verdict == "valid"

    def test_are_the_same_when_asked_again(self, client):
        self.holder(client)
        first, second = (client.get("/card/passes/").json()["passes"] for _time in range(2))
        assert first == second

    def test_stop_with_the_card(self, client):
        made_card = self.holder(client)
        Card.objects.filter(pk=made_card.pk).update(blocked_at=NOW)
        answer = client.get("/card/passes/")
        assert (answer.status_code, answer.json()["code"]) == (409, "card_not_usable")
        Card.objects.filter(pk=made_card.pk).update(blocked_at=None)
        made_card.person.employments.update(ends_on=datetime.now(UTC).date() - timedelta(days=2))
        assert client.get("/card/passes/").json()["code"] == "card_not_usable", "Threat: ex-employee"
        assert client.get("/card/").status_code == 302

    def test_show_a_code_without_javascript(self, client):
        self.holder(client)
        page = client.get("/card/").content.decode()
        assert "<noscript>" in page and 'viewBox="-4 -4 53 53"' in page


class TestKeys:
    def test_are_published_with_the_first_card(self, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            text = print_code(card())
        known = key_set.read_key_set(json.loads(keyring.published_path().read_text()), root=keyring.root_public())
        assert credential.verify(text, keys=known, at=now()).verdict == "valid"

    def test_of_phones_are_published_a_day_before_they_sign(self):
        kid, _key = keys.phone_key(at=NOW)
        later = NOW + timedelta(days=29)
        assert keys.phone_key(at=later)[0] == kid
        following = SigningKey.objects.filter(use="phone").exclude(pk=kid).get()
        assert following.not_before - later >= timedelta(hours=23)
        assert keys.phone_key(at=NOW + timedelta(days=31))[0] == following.kid
        assert credential.verify("x", keys=keys.current_keys(), at=NOW).verdict == "malformed"

    def test_never_lie_in_the_database(self):
        card()
        keys.phone_key(at=NOW)
        private = {
            keyring.private_key(use=row.use, kid=row.kid).private_bytes_raw() for row in SigningKey.objects.all()
        }
        public = {bytes(row.public) for row in SigningKey.objects.all()}
        assert private.isdisjoint(public)
        for file in keyring.directory().glob("*.key"):
            assert file.stat().st_mode & 0o077 == 0

    def test_when_withdrawn_leave_the_published_set(self):
        made_card = card()
        assert str(made_card.print_kid) in str([k["kid"] for k in lists.key_set(at=NOW).document["keys"]])
        keys.withdraw_key(actor=None, kid=made_card.print_kid, reason="leak", at=NOW)
        issue = lists.key_set(at=NOW)
        assert made_card.print_kid not in [k["kid"] for k in issue.document["keys"]]


class TestSignedDocuments:
    def test_open_with_the_root_key_and_verify_a_card_offline(self, client, tmp_path):
        made_card, blocked = card(), card()
        Card.objects.filter(pk=blocked.pk).update(blocked_at=NOW)
        documents = {name: client.get(f"/api/v1/{name}/").json() for name in ("card-keys", "revocations")}
        known = key_set.read_key_set(documents["card-keys"], root=keyring.root_public())
        listed = key_set.read_list_with(documents["revocations"], keys=known)
        now = datetime.now(UTC)
        assert credential.verify(print_code(made_card), keys=known, at=now, revocations=listed).verdict == "valid"
        assert credential.verify(print_code(blocked), keys=known, at=now, revocations=listed).verdict == "revoked"

    def test_answer_304_to_their_etag(self, client):
        card()
        for name in ("card-keys", "revocations"):
            first = client.get(f"/api/v1/{name}/")
            again = client.get(f"/api/v1/{name}/", headers={"if-none-match": first.headers["ETag"]})
            assert (first.status_code, again.status_code) == (200, 304)

    def test_revoke_leavers_and_suspended_companies(self):
        stays, left, suspended = card(), card(), card()
        left.person.employments.update(ends_on=date(2026, 3, 2))
        company = suspended.person.employments.get().company
        type(company).objects.filter(pk=company.pk).update(status="suspended", suspended_at=NOW)
        document = lists.revocations(at=NOW, changed=True).document
        opened = key_set.read_list_with(document, keys=keys.current_keys())
        assert [opened.revoked(c.status_index) for c in (stays, left, suspended)] == [False, True, True]
        assert PublishedList.objects.filter(kind="revocations").count() == 1
        json.dumps(document)

    def test_tell_what_changed_since_an_older_list(self, client, monkeypatch):
        """case: a till asks once a day what changed, and fetches the whole list when that is not known any more."""
        monkeypatch.setattr(lists, "KEPT", 3)
        made_card = card()
        base = lists.revocations(at=NOW, changed=True)
        Card.objects.filter(pk=made_card.pk).update(blocked_at=NOW)
        with time_machine.travel(NOW + timedelta(hours=25), tick=False):
            for minutes in range(lists.KEPT + 1):
                listed = lists.revocations(at=NOW + timedelta(hours=24, minutes=50 + minutes), changed=True)
            answer = client.get(f"/api/v1/revocations/{base.number}/changes/")
            known = keys.current_keys()
            opened = key_set.read_list_with(base.document, keys=known)
            now_listed = key_set.read_changes_with(answer.json(), base=opened, keys=known)
            assert now_listed == key_set.read_list_with(listed.document, keys=known)
            assert (opened.revoked(made_card.status_index), now_listed.revoked(made_card.status_index)) == (False, True)
            again = client.get(answer.request["PATH_INFO"], headers={"if-none-match": answer.headers["ETag"]})
            assert again.status_code == 304
            lists.revocations(at=NOW + lists.KEPT_FOR + timedelta(seconds=1), changed=True)
            assert client.get(answer.request["PATH_INFO"]).status_code == 404
            assert client.get(f"/api/v1/revocations/{10**30}/changes/").status_code == 404
            newest = PublishedList.objects.filter(kind="revocations").latest("number").number
            assert cache.get(f"benefit_card.changes:{10**30}:{newest}", "nothing") == "nothing", (
                "anybody may ask for any"
            )

    def test_do_not_tell_how_many_cards_there_are(self, client):
        card()
        assert client.get("/api/v1/revocations/").json()["size"] == 131_072


class TestWeek:
    def test_needs_an_opened_card(self):
        with pytest.raises(passes.CardNotActivated):
            passes.week(card(), at=datetime.now(UTC))
