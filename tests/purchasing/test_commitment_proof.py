"""The proof of a firm word, many words at once, and what is said before the deadline."""

import hashlib
import json
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.utils import DatabaseError

from companies.models import Document, OutboxMail
from purchasing import tasks_back
from purchasing.models import Commitment, CommitmentProof, CommitmentVersion
from purchasing.services import closing, commitment, proof_of_commitment
from purchasing.services.commitment import Word
from tests.purchasing.back import CLOSES, hours, world

pytestmark = pytest.mark.django_db(transaction=True)


def say(w, letter, words, at=None, **rest):
    """All words of a company at once: quantities by position of the line."""
    lines = list(w.pool.lines.order_by("position"))
    named = {lines[n].pk: word for n, word in words.items()}
    return commitment.commit_all(
        actor=w.buyers[letter], company=w.company(letter), pool=w.pool, words=named, at=at or hours(1), **rest
    )


class TestAProof:
    def test_is_a_pdf_with_the_hash_of_what_was_confirmed_stored_once_and_mailed(self):
        w = world()
        w.commit("A", 10, 2, price_cap_e4=40_000)
        proof = CommitmentProof.objects.get()
        text = json.dumps(proof.content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert proof.sha256 == hashlib.sha256(text.encode()).hexdigest()
        assert (
            proof.content["lines"][0] | {"tiers": [[1, "3.4917"]], "price_cap": "4.0000"} == proof.content["lines"][0]
        )
        assert proof.content["at"] == hours(1).isoformat()
        assert proof_of_commitment.write(proof_id=proof.pk, at=hours(2))
        assert not proof_of_commitment.write(proof_id=proof.pk, at=hours(3))  # I12
        document = Document.objects.get(kind="commitment_proof")
        assert bytes(document.content).startswith(b"%PDF-")
        mail = OutboxMail.objects.get(key=f"commitment-proof:{proof.pk}")
        assert (mail.to, list(mail.attachments.all())) == (w.buyers["A"].email, [document])
        assert CommitmentVersion.objects.get().proof == proof

    def test_left_behind_by_a_crash_is_finished_by_the_sweeper(self, time_machine):
        w = world()
        w.commit("A", 10)
        time_machine.move_to(hours(1) + timedelta(minutes=3))
        assert tasks_back.sweep_proofs() == 1
        assert tasks_back.sweep_proofs() == 0

    def test_never_changes(self):
        w = world()
        w.commit("A", 10)
        for change in (
            lambda: CommitmentProof.objects.update(content={}),
            lambda: CommitmentProof.objects.update(sha256=""),
            lambda: CommitmentProof.objects.all().delete(),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                change()

    def test_of_a_draft_does_not_exist(self):
        w = world()
        w.company("A")
        say(w, "A", {0: Word(10)}, draft=True)
        assert not CommitmentProof.objects.exists()


class TestManyWords:
    def test_are_one_confirmation_with_one_proof(self):
        w = world(line_count=5)
        w.company("A")
        rows = say(w, "A", {n: Word(n + 1) for n in range(5)})
        assert [(r.quantity, r.state, r.version) for r in rows] == [(n + 1, "committed", 1) for n in range(5)]
        assert len(CommitmentProof.objects.get().content["lines"]) == 5
        again = say(w, "A", {0: Word(1), 1: Word(9)}, at=hours(2))
        assert [r.version for r in again] == [1, 2]  # the unchanged one is said once
        assert len(CommitmentProof.objects.first().content["lines"]) == 1

    def test_are_kept_all_or_none_and_every_refusal_is_named(self):
        w = world(line_count=3)
        w.company("A")
        with pytest.raises(commitment.WordsRefused) as refused:
            say(w, "A", {0: Word(5), 1: Word(5, price_cap_e4=1), 2: Word(5, min_useful=6)})
        lines = list(w.pool.lines.order_by("position"))
        assert {line: type(e).__name__ for line, e in refused.value.refusals.items()} == {
            lines[1].pk: "CapTooLow",
            lines[2].pk: "UsefulTooHigh",
        }
        assert not Commitment.objects.exists()

    def test_cost_the_same_queries_for_2_lines_and_for_20(self, django_assert_max_num_queries):
        counts = []
        for lines in (2, 20):
            w = world(line_count=lines)
            w.company("A")
            with django_assert_max_num_queries(60) as seen:
                say(w, "A", {n: Word(5) for n in range(lines)})
            with django_assert_max_num_queries(60) as again:
                say(w, "A", {n: Word(6) for n in range(lines)}, at=hours(2))
            counts.append((len(seen), len(again)))
        assert counts[0] == counts[1]


class TestClosingSoon:
    def test_tells_each_company_once_what_needs_filling_and_what_it_has_not_said(self):
        w = world()
        for letter, quantity in [("A", 10), ("B", 7), ("C", 12), ("D", 4)]:
            w.commit(letter, quantity)
        w.company("E")
        before = CLOSES - timedelta(hours=23)
        assert closing.due(CLOSES - timedelta(hours=25)) == []
        assert closing.due(before) == [w.pool.pk]
        assert closing.warn(pool=w.pool, at=before)
        assert not closing.warn(pool=w.pool, at=before)
        assert closing.due(before) == []
        mails = {m.to: m.body for m in OutboxMail.objects.filter(key__startswith="closing:")}
        assert set(mails) == {user.email for user in w.buyers.values()}
        # 33 of 36: the next pack lacks 3; four other companies take part, so the figure gives nobody away.
        assert "Gants nitrile M: Encore 3 " in mails[w.buyers["A"].email].replace("\xa0", " ").replace(" :", ":")
        assert "10 pièces" in mails[w.buyers["E"].email]

    def test_gives_a_band_when_two_companies_take_part(self):
        w = world(pack=100)
        w.commit("A", 40)
        w.commit("B", 30)
        closing.warn(pool=w.pool, at=CLOSES - timedelta(hours=1))
        bodies = OutboxMail.objects.filter(key__startswith="closing:").values_list("body", flat=True)
        assert all("60–80" in body and "30 " not in body.split("60–80")[1] for body in bodies)

    def test_is_said_again_after_an_extension(self):
        w = world(minimum_missed="extend", moq=400)
        w.commit("A", 12)
        closing.warn(pool=w.pool, at=CLOSES - timedelta(hours=1))
        w.lock()
        assert closing.due(w.pool.closes_at - timedelta(hours=1)) == [w.pool.pk]
