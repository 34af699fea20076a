"""The computed award of a tender: built from real quotes, solved in a worker, stopped, resumed, compared, accepted."""

from datetime import timedelta
from importlib import import_module
from itertools import product

import pytest
from django.urls import reverse
from django.utils import timezone, translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from companies import jobs
from companies.access import NotAllowed
from companies.models import Company, Job, JobState, Role
from companies.tasks import sweep_jobs
from purchasing import award_case, award_words
from purchasing.award_case import Options
from purchasing.comparison import cost_of, landed_line
from purchasing.models import Award, AwardMeasure, AwardStudy, Pool, PoolLine, RequestLine, Supplier
from purchasing.rules.award import parse, solve
from purchasing.rules.award.solve import prove
from purchasing.selectors import current_quotes, live_needs, pool_lines
from purchasing.services import award as awards
from purchasing.services import award_study as service
from purchasing.services import pool as pools
from purchasing.services import quote as quotes
from purchasing.services import tender as tenders
from purchasing.services.award_result import describe
from purchasing.tasks import solve_award_study
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import NOW, gathering_pool, sent_tender

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=10)
FROM_NEEDS = "computed from the needs at the time of the award, not from commitments"


@pytest.fixture(autouse=True)
def _solver_asked_at_once(monkeypatch):
    """Problems of three lines need no second and a half of moves before the solver, whose word these tests wait for."""
    monkeypatch.setattr(import_module(solve.__module__), "FIRST_ANSWER_SECONDS", 0.1)


@pytest.fixture(autouse=True)
def _in_english(client):
    """The sentences below are English; the association's own language is French."""
    client.cookies["language"] = "en"
    with translation.override("en"):
        yield


def tender_of(offers, *, actor, companies=3, **terms):
    """An opened tender. `offers`: for each supplier the prices of its lines (e4; None: not offered; dict: an OfferDraft)."""
    pool = gathering_pool(lines=max(len(row) for row in offers), companies=companies, actor=actor)
    tender = sent_tender(suppliers=len(offers), actor=actor, pool=pool)
    lines = list(pool.lines.order_by("position"))
    for number, (invitation, row) in enumerate(zip(tender.invitations.order_by("pk"), offers, strict=True)):
        drafts = [
            quotes.OfferDraft(line, **(price if isinstance(price, dict) else {"tiers": [(1, price)]}))
            for line, price in zip(lines, row, strict=False)
            if price is not None
        ]
        own = {name: values[number] for name, values in terms.items()}
        draft = quotes.QuoteDraft(
            offers=drafts, valid_until=own.pop("valid_until", LATER.date() + timedelta(3650)), **own
        )
        quotes.submit(invitation=invitation, draft=draft, at=NOW)
    return tenders.open_quotes(actor=actor, tender=tender, at=LATER)


def computed(tender, actor, options=None, **fields):
    """A study as the worker leaves it."""
    study = service.start(actor=actor, tender=tender, options=options or Options(), at=LATER, **fields)
    solve_award_study(job_id=str(study.job_id))
    study.refresh_from_db()
    return study


def by_hand(tender):
    """The cheapest way to give each line to one supplier, by looking at every one of them."""
    lines = list(pool_lines(tender.pool))
    found = current_quotes(tender)
    rows = [{o.pool_line_id: o for o in quote.lines.all()} for quote in found]
    best = None
    for pick in product(range(len(found)), repeat=len(lines)):
        if any(line.pk not in rows[who] for line, who in zip(lines, pick, strict=True)):
            continue
        total = 0
        for who, quote in enumerate(found):
            bought = [(rows[who][ln.pk], ln.asked_quantity) for ln, p in zip(lines, pick, strict=True) if p == who]
            landed = [landed_line(offer, asked) for offer, asked in bought]
            if any(
                o.available is not None and row.ordered > o.available
                for (o, _), row in zip(bought, landed, strict=True)
            ):
                break
            cost = cost_of(quote, landed)
            if bought and not cost.reaches_minimum:
                break
            total += cost.total_cents
        else:
            best = total if best is None else min(best, total)
    return best


class TestTheComputation:
    def test_proves_the_cheapest_combination_of_real_quotes(self):
        """case: exactly 100 → the next tier, inclusive; franco and minimum look at goods at tier price."""
        actor = staff()
        tender = tender_of(
            [[{"tiers": [(1, 42_000), (100, 36_000)]}, 50_000], [40_000, 41_000], [39_000, None]],
            actor=actor,
            freight_cents=[3_500, 2_500, 0],
            franco_cents=[100_000, None, None],
            minimum_cents=[0, 0, 60_000],
        )
        study = computed(tender, actor)
        assert (study.state, study.cost_cents, study.bound_cents) == ("proven", by_hand(tender), by_hand(tender))
        assert study.job.state == JobState.DONE and study.solver_version and study.seed
        assert (
            sum(row["goods_cents"] for row in study.result["lines"])
            + sum(row["freight_cents"] for row in study.result["suppliers"])
            == study.cost_cents
        )

    def test_counts_unit_prices_finer_than_a_cent(self):
        actor = staff()
        study = computed(tender_of([[351] * 3, [349] * 3], actor=actor), actor)
        assert (study.scale, study.cost_cents) == (100, 1_257)  # 120 × 0.0349 = 4.188 a line
        # Beside it the same choice made line by line, 12.564 in all, does not look a cent cheaper.
        assert study.result["line_by_line"]["cents"] == study.result["one_supplier"]["cents"] == 1_257

    def test_buys_whole_packs_and_minimum_quantities(self):
        """case: I6, ordered is a multiple of the pack and not below the minimum."""
        actor = staff()
        pack = {"tiers": [(1, 30_000)], "pack": 50, "moq": 200}
        study = computed(tender_of([[pack]], actor=actor), actor)
        assert study.result["lines"][0]["units"] == 200 and study.cost_cents == 60_000

    def test_leaves_open_what_no_supplier_has_enough_of(self):
        actor = staff()
        tender = tender_of([[{"tiers": [(1, 30_000)], "available": 100}, 20_000]], actor=actor)
        study = computed(tender, actor)
        first = tender.pool.lines.order_by("position").first()
        assert study.result["open_lines"] == [first.pk] and len(study.result["lines"]) == 1

    def test_spends_tolerance_only_where_the_bill_falls(self):
        """case: tolerance beyond the pack rest is spent on a tier only if the total bill falls."""
        actor = staff()
        tender = tender_of([[{"tiers": [(1, 30_000), (125, 20_000), (130, 19_900)]}]], actor=actor)
        assert computed(tender, actor).result["lines"][0]["units"] == 120
        need = RequestLine.objects.filter(pooled__pool_line__pool=tender.pool).first()
        RequestLine.objects.filter(pk=need.pk).update(tolerance=10)
        study = computed(tender, actor)
        assert (study.result["lines"][0]["units"], study.cost_cents) == (125, 25_000)
        award = service.accept(actor=staff(), study=study, reason="", at=LATER)
        assert (award.value_cents, award.lines.get().quantity) == (25_000, 125)

    @settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_is_never_beaten_by_hand(self, data):
        actor = staff()
        price = st.integers(1, 60).map(lambda n: n * 777)
        offer = st.builds(
            lambda p, fall, start, pack, have: {
                "tiers": [(1, p), (start, max(1, p - fall))], "pack": pack, "available": have
            },
            price, st.integers(0, 9_000), st.integers(2, 150), st.sampled_from([1, 7, 50]),
            st.sampled_from([None, None, 119, 126]),
        )  # fmt: skip
        offers = data.draw(st.lists(st.lists(offer, min_size=3, max_size=3), min_size=2, max_size=3))
        n = len(offers)
        tender = tender_of(
            offers,
            actor=actor,
            freight_cents=data.draw(st.lists(st.integers(0, 9_000), min_size=n, max_size=n)),
            franco_cents=data.draw(st.lists(st.none() | st.integers(0, 90_000), min_size=n, max_size=n)),
            minimum_cents=data.draw(st.lists(st.integers(0, 60_000), min_size=n, max_size=n)),
        )
        best = by_hand(tender)
        case = award_case.build(tender, Options(), on=LATER.date())
        found = prove(case.instance, seconds=20)
        if best is None:
            assert found.evaluation is None or case.open_lines
        else:
            # Half a cent a line: quotes are rounded line by line, the solver adds unrounded lines.
            assert found.status == "optimal" and abs(case.cents(found.evaluation.cost_cents) - best) <= 2

    def test_writes_progress_and_the_best_found_on_the_row(self):
        actor = staff()
        study = service.start(actor=actor, tender=tender_of([[40_000]], actor=actor), options=Options(), at=LATER)
        AwardStudy.objects.filter(pk=study.pk).update(state="running")
        study.refresh_from_db()
        _, judged = service.problem(study)
        progress = service._Progress(study, judged, study.job)
        progress.better(1, {0: 120})
        progress.tell(48_000, 47_000)
        study.refresh_from_db()
        assert (study.judged_cents, study.bound_cents, study.packs) == (480, 470, {"0": 120}) or study.scale == 1
        assert study.gap_bp == 209


class TestWhatIf:
    def test_leaves_out_a_supplier_and_says_what_that_costs(self):
        actor = staff()
        tender = tender_of([[40_000, 40_000], [30_000, 45_000]], actor=actor)
        plain = computed(tender, actor)
        cheap = tender.invitations.order_by("pk").last().supplier
        other = computed(tender, actor, Options(exclude=(cheap.pk,)))
        assert (plain.cost_cents, other.cost_cents) == (84_000, 96_000)
        assert set(other.result["out"].values()) == {"excluded"}

    def test_allows_so_many_suppliers(self):
        actor = staff()
        tender = tender_of([[40_000, 40_000], [30_000, 45_000]], actor=actor)
        study = computed(tender, actor, Options(max_suppliers=1))
        assert study.state == "proven" and len(study.result["suppliers"]) == 1 and study.cost_cents == 90_000

    @pytest.mark.parametrize("percent, cost", [(5, 48_000), (10, 52_800)])
    def test_prefers_local_suppliers_up_to_a_percentage(self, percent, cost):
        """A local supplier 10 % dearer wins from 10 % on (judged 47 520 < 48 000); the cost shown stays real."""
        actor = staff()
        tender = tender_of([[40_000], [44_000]], actor=actor)
        Supplier.objects.filter(pk=tender.invitations.order_by("pk").last().supplier_id).update(local=True)
        study = computed(tender, actor, Options(local_percent=percent))
        assert (study.state, study.cost_cents) == ("proven", cost)

    def test_counts_a_postcode_as_local(self):
        actor = staff()
        tender = tender_of([[40_000], [44_000]], actor=actor)
        Supplier.objects.filter(pk=tender.invitations.order_by("pk").last().supplier_id).update(postcode="26100")
        study = computed(tender, actor, Options(local_percent=20, local_postcode="26"))
        assert study.cost_cents == 52_800 and study.judged_cents == 42_240

    def test_says_why_nothing_is_possible(self):
        actor = staff()
        tender = tender_of([[40_000, None], [None, 45_000]], actor=actor)
        study = computed(tender, actor, Options(max_suppliers=1))
        assert study.state == "impossible" and study.result["reason"]["code"] == "max_suppliers"
        assert "Allow one more" in award_words.show(study, companies_shown=True).reason

    @pytest.mark.parametrize("options", [{"exclude": (999_999,)}, {"max_suppliers": 0}, {"local_percent": 51}])
    def test_refuses_senseless_assumptions(self, options):
        actor = staff()
        tender = tender_of([[40_000]], actor=actor)
        with pytest.raises(service.StudyRefused):
            service.start(actor=actor, tender=tender, options=Options(**options), at=LATER)
        assert not AwardStudy.objects.exists()


class TestWhyOthersLost:
    def test_gives_each_losing_quote_a_sentence_with_its_numbers(self):
        actor = staff()
        tender = tender_of(
            [[40_000, 40_000], [39_000, 43_000], [38_000, None], [None, {"tiers": [(1, 1_000)], "available": 10}]],
            actor=actor,
            freight_cents=[0, 5_000, 0, 0],
            minimum_cents=[0, 0, 90_000, 0],
        )
        shown = award_words.show(computed(tender, actor), companies_shown=True)
        first, second = shown.won
        said = [loser.sentence for loser in first.losers]
        assert "goods are €12.00 cheaper, but freight rises by €50.00: €38.00 dearer" in said[0]
        assert "minimum order: with this line alone €444.00 would be missing" in said[1]
        assert "Only 10 available" in [loser.sentence for loser in second.losers][-1]
        assert "Even with all of them €444.00 would be missing" in [loser.sentence for loser in shown.unused][1]

    def test_says_of_everybody_that_was_asked_why_nothing_came_of_it(self):
        actor = staff()
        tender = sent_tender(suppliers=7, actor=actor, pool=gathering_pool(lines=1, companies=3, actor=actor))
        line = tender.pool.lines.get()
        best, late, declined, withdrawn, expired, excluded, _silent = tender.invitations.order_by("pk")
        for row in (best, late, withdrawn, expired, excluded):
            until = LATER.date() - timedelta(1) if row == expired else LATER.date() + timedelta(3650)
            draft = quotes.QuoteDraft(offers=[quotes.OfferDraft(line, [(1, 40_000)])], valid_until=until)
            quotes.submit(invitation=row, draft=draft, at=LATER if row == late else NOW)
        quotes.decline(invitation=declined, reason="Plus de stock", at=NOW)
        quotes.withdraw(invitation=withdrawn, reason="Erreur", at=NOW)
        tender = tenders.open_quotes(actor=actor, tender=tender, at=LATER)
        study = computed(tender, actor, Options(exclude=(excluded.supplier_id,)))
        told = {row.supplier: row.sentence for row in award_words.show(study, companies_shown=True).unused}
        asked = [row.supplier.name for row in tender.invitations.select_related("supplier").order_by("pk")]
        assert [told.get(name, "") for name in asked] == [
            "",
            "Its answer came late and was not accepted.",
            "Declined: “Plus de stock”",
            "Withdrew its quote.",
            f"The quote expired on {LATER.date() - timedelta(1):%d/%m/%Y}.",
            "Left out by assumption.",
            "Did not answer.",
        ]

    def test_saves_against_simpler_choices(self):
        actor = staff()
        tender = tender_of([[40_000, 40_000], [30_000, 45_000]], actor=actor, freight_cents=[0, 1_000])
        study = computed(tender, actor)
        one, lines, alone = award_words.show(study, companies_shown=True).savings
        assert (study.cost_cents, one.cents, lines.cents, alone.cents) == (85_000, 91_000, 85_000, 87_000)
        assert award_words.show(study, companies_shown=False).savings[2].cents is None


class TestTogetherDearerThanAlone:
    def test_names_who_would_do_better_alone_to_staff_and_only_counts_for_others(self, client, settings):
        """case: scarce cheap capacity: 100 at 8.00 cover each company alone, not the 120 of all, who pay 10.00."""
        settings.STAFF_NEEDS_SECOND_FACTOR = False
        actor = staff()
        tender = tender_of([[{"tiers": [(1, 80_000)], "available": 100}], [100_000]], actor=actor)
        study = computed(tender, actor)
        found = study.result["together"]
        assert (study.cost_cents, study.result["alone"]["total_cents"]) == (120_000, 96_000)
        assert found["excess_cents"] == 24_000 and sum(found["over"].values()) == 24_000
        assert found["total_cents"] == 96_000 and found["proven"]
        shown = award_words.show(study, companies_shown=True).together
        assert shown.count == 3 and not shown.rows and not shown.leaving
        assert award_words.show(study, companies_shown=False).together is None
        client.force_login(actor)
        page = client.get(reverse("purchasing:award_study", args=[tender.pool_id, study.pk])).content.decode()
        assert "Together €240.00 dearer than everybody alone" in page and "You decide" in page
        assert FROM_NEEDS in page
        rows = award_words.show(study, companies_shown=True, members_shown=True).together.rows
        assert rows[0][2] > 0
        self.says_the_same_before_commitments(client, actor, study, {name for name, _alone, _more in rows})

    def says_the_same_before_commitments(self, client, actor, study, over):
        """The commitment page of each company: the words of the award page, its own number and nobody else's (I13)."""
        pool = study.tender.pool
        Pool.objects.filter(pk=pool.pk).update(fairness="stand_alone_cap")
        service.accept(actor=actor, study=study, reason="", at=LATER)
        pools.open_commitments(
            actor=actor, pool=pool, calendar=pools.Calendar(closes_at=timezone.now() + timedelta(days=9)), at=LATER
        )
        for company in Company.objects.filter(pk__in=live_needs(pool).values("company")):
            client.force_login(member(company, Role.BUYER))
            page = client.get(reverse("purchasing:commit", args=[company.pk, pool.pk])).content.decode()
            assert "Together €240.00 dearer than everybody alone" in page and "You decide: commit all the same" in page
            assert FROM_NEEDS in page
            assert "all companies together pay more than everybody alone would, no way to share exists" in page
            assert (f"<strong>{company.name}</strong>" in page) == (company.name in over)
            assert not [name for name in over if name != company.name and f"<strong>{name}</strong>" in page]

    def test_is_not_said_where_the_shares_can_keep_the_promise(self):
        actor = staff()
        study = computed(tender_of([[40_000, 40_000], [30_000, 45_000]], actor=actor), actor)
        assert study.result["together"] is None


class TestStopping:
    def test_ends_a_waiting_one_at_once(self):
        actor = staff()
        study = service.start(actor=actor, tender=tender_of([[40_000]], actor=actor), options=Options(), at=LATER)
        assert service.cancel(actor=actor, study=study, at=LATER).state == "cancelled"
        assert Job.objects.get(pk=study.job_id).state == JobState.CANCELLED
        solve_award_study(job_id=str(study.job_id))
        study.refresh_from_db()
        assert study.state == "cancelled" and study.cost_cents is None
        with pytest.raises(service.StudyOver):
            service.cancel(actor=actor, study=study, at=LATER)

    def test_keeps_the_best_found_of_a_running_one(self):
        """What the solver had is stored, priced exactly, and nothing is claimed that was not proven."""
        actor = staff()
        tender = tender_of([[40_000, 40_000], [39_000, 45_000]], actor=actor, freight_cents=[2_000, 2_000])
        study = service.start(actor=actor, tender=tender, options=Options(), at=LATER)
        AwardStudy.objects.filter(pk=study.pk).update(state="running", stop_asked_at=LATER)
        solve_award_study(job_id=str(study.job_id))
        study.refresh_from_db()
        assert study.has_award and study.cost_cents and study.bound_cents <= study.cost_cents

    def test_goes_on_from_the_best_stored_after_a_crash(self, monkeypatch):
        actor = staff()
        study = service.start(actor=actor, tender=tender_of([[40_000]], actor=actor), options=Options(), at=LATER)
        heard = {}

        def crash(instance, *, watch, **_rest):
            heard.setdefault("known", dict(watch.known))
            watch.on_progress(None, 1)
            raise KeyboardInterrupt  # the worker is killed

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(service, "solve", crash)
            solve_award_study(job_id=str(study.job_id))
        study.refresh_from_db()
        assert study.state == "running"
        AwardStudy.objects.filter(pk=study.pk).update(packs={"0": 120})
        solve_award_study(job_id=str(study.job_id))
        study.refresh_from_db()
        assert (study.state, study.cost_cents) == ("proven", 48_000)
        before = study.finished_at
        solve_award_study(job_id=str(study.job_id))  # delivered twice: nothing changes (I12)
        study.refresh_from_db()
        assert study.finished_at == before

    def dead(self, actor):
        """A computation whose worker was killed after it had stored an award."""
        study = service.start(actor=actor, tender=tender_of([[40_000]], actor=actor), options=Options(), at=LATER)
        AwardStudy.objects.filter(pk=study.pk).update(state="running", packs={"0": 120})
        Job.objects.filter(pk=study.job_id).update(state="running", beat_at=timezone.now() - timedelta(minutes=3))
        study.refresh_from_db()
        return study

    def test_ends_at_once_when_its_worker_is_dead(self, client):
        actor = staff()
        study = self.dead(actor)
        client.force_login(actor)
        url = reverse("purchasing:award_study", args=[study.tender.pool_id, study.pk])
        page = client.get(url).content.decode()
        assert "gives no sign of life" in page and "Stop and keep the best found" in page
        assert "HX-Refresh" not in client.get(f"{url}progress/").headers
        client.post(f"{url}stop/")
        study.refresh_from_db()
        assert (study.state, study.cost_cents, study.has_award) == ("best_found", 48_000, True)
        assert client.get(f"{url}progress/").headers["HX-Refresh"] == "true"  # the page does not spin on
        assert "gives no sign of life" not in client.get(url).content.decode()
        solve_award_study(job_id=str(study.job_id))  # the sweeper's late second try finds it over
        assert AwardStudy.objects.get(pk=study.pk).finished_at == study.finished_at

    def test_is_taken_up_again_by_the_sweeper_after_a_kill(self, monkeypatch):
        study = self.dead(staff())
        sent = []
        monkeypatch.setattr(jobs, "send", lambda job: sent.append(job.pk))
        sweep_jobs()
        sweep_jobs()
        assert sent == [study.job_id]
        solve_award_study(job_id=str(study.job_id))
        study.refresh_from_db()
        assert (study.state, study.job.state) == ("proven", JobState.DONE)

    def test_that_kills_every_worker_is_given_up_with_the_best_stored(self, monkeypatch):
        study = self.dead(staff())

        def kill(*_args, **_rest):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(service, "solve", kill)
            for _ in range(service.MOST_RESTARTS):
                with pytest.raises(KeyboardInterrupt):
                    solve_award_study(job_id=str(study.job_id))
            solve_award_study(job_id=str(study.job_id))
        study.refresh_from_db()
        assert (study.state, study.job.state, study.cost_cents) == ("best_found", JobState.DONE, 48_000)

    def test_ends_with_a_sentence_when_the_solver_breaks(self, monkeypatch):
        actor = staff()
        study = service.start(actor=actor, tender=tender_of([[40_000]], actor=actor), options=Options(), at=LATER)

        def broken(*_args, **_rest):
            raise ValueError("no")

        monkeypatch.setattr(service, "solve", broken)
        solve_award_study(job_id=str(study.job_id))
        study.refresh_from_db()
        assert study.state == "failed" and study.job.state == JobState.FAILED and study.job.error

    def test_lets_only_so_many_run_at_once(self):
        actor = staff()
        tender = tender_of([[40_000]], actor=actor)
        for _ in range(service.MOST_AT_ONCE):
            service.start(actor=actor, tender=tender, options=Options(), at=LATER)
        with pytest.raises(service.StudyBusy):
            service.start(actor=actor, tender=tender, options=Options(), at=LATER)


class TestDeciding:
    def test_accepts_the_combination_lot_by_lot(self):
        actor = staff()
        tender = tender_of([[40_000, 40_000], [30_000, 45_000]], actor=actor)
        study = computed(tender, actor)
        award = service.accept(actor=actor, study=study, reason="", at=LATER)
        assert (award.value_cents, award.lines.count()) == (study.cost_cents, 2) and "840.00" in award.reason
        assert (award.measure.follows, award.measure.extra_cents) == (True, 0)

    def test_keeps_what_another_decision_costs_more(self):
        actor = staff()
        tender = tender_of([[40_000, 40_000], [30_000, 45_000]], actor=actor)
        computed(tender, actor)
        dear = {line.pk: line.quote_lines.order_by("pk").first().pk for line in tender.pool.lines.all()}
        with pytest.raises(awards.ReasonMissing):
            awards.decide(actor=actor, tender=tender, choices=dear, reason=" ", at=LATER)
        award = awards.decide(actor=actor, tender=tender, choices=dear, reason="Délai plus court", at=LATER)
        assert (award.measure.follows, award.measure.extra_cents) == (False, 12_000)

    def test_does_not_compare_awards_of_other_lines(self):
        actor = staff()
        tender = tender_of([[40_000, 40_000]], actor=actor)
        computed(tender, actor)
        line = tender.pool.lines.order_by("position").first()
        award = awards.decide(
            actor=actor, tender=tender, choices={line.pk: line.quote_lines.get().pk}, reason="Un seul lot", at=LATER
        )
        assert award.measure.extra_cents is None

    def test_refuses_a_stale_one(self):
        actor = staff()
        tender = tender_of([[40_000]], actor=actor)
        study = computed(tender, actor)
        PoolLine.objects.filter(pool=tender.pool).update(asked_quantity=130)
        with pytest.raises(service.StudyStale):
            service.accept(actor=actor, study=study, reason="", at=LATER)
        assert not Award.objects.exists() and not AwardMeasure.objects.exists()

    def test_still_asks_a_second_person_above_the_threshold(self):
        """case: I14, quote opener is not the sole awarder above a threshold."""
        actor = staff()
        tender = tender_of([[9_000_000]], actor=actor)
        award = service.accept(actor=actor, study=computed(tender, actor), reason="", at=LATER)
        assert award.state == "proposed" and award.needs_second_person


class TestAccess:
    def test_never_uses_sealed_quotes(self):
        actor = staff()
        tender = sent_tender(actor=actor)
        with pytest.raises(service.StudySealed):
            service.start(actor=actor, tender=tender, options=Options(), at=NOW)

    def test_is_for_those_who_run_the_pool(self):
        actor = staff()
        tender = tender_of([[40_000]], actor=actor)
        buyer = member(CompanyFactory(), Role.BUYER)
        with pytest.raises(NotAllowed):
            service.start(actor=buyer, tender=tender, options=Options(), at=LATER)
        study = service.start(actor=actor, tender=tender, options=Options(), at=LATER)
        with pytest.raises(NotAllowed):
            service.cancel(actor=buyer, study=study, at=LATER)
        with pytest.raises(NotAllowed):
            service.accept(actor=buyer, study=study, reason="", at=LATER)
        assert not AwardStudy.objects.visible_to(buyer).exists()


class TestThePage:
    def test_shows_proof_savings_and_reasons_in_constant_queries(self, client, django_assert_max_num_queries):
        actor = staff()
        tender = tender_of([[40_000 + 100 * n for n in range(12)], [41_000] * 12, [45_000] * 12], actor=actor)
        study = computed(tender, actor)
        client.force_login(actor)
        url = reverse("purchasing:award_study", args=[tender.pool_id, study.pk])
        with django_assert_max_num_queries(45):
            page = client.get(url).content.decode()
        assert "No other combination of these quotes costs less" in page
        assert page.count('<details class="lot">') == 12 and "Award 12 lines as computed" in page

    def test_starts_stops_and_accepts_by_its_buttons(self, client):
        actor = staff()
        tender = tender_of([[40_000]], actor=actor)
        client.force_login(actor)
        base = reverse("purchasing:award_studies", args=[tender.pool_id])
        assert "Compute the cheapest combination" in client.get(base).content.decode()
        assert "Award" not in client.get(reverse("purchasing:award_study", args=[tender.pool_id, 0])).content.decode()
        went = client.post(base, {"seconds": 60})
        study = AwardStudy.objects.get()
        assert went.url.endswith(f"/computations/{study.pk}/")
        assert "Stop and keep the best found" in client.get(went.url).content.decode()
        assert "HX-Refresh" not in client.get(f"{went.url}progress/").headers
        solve_award_study(job_id=str(study.job_id))
        assert client.get(f"{went.url}progress/").headers["HX-Refresh"] == "true"
        client.post(f"{went.url}stop/")
        assert client.post(f"{went.url}accept/", {"reason": ""}).url == reverse(
            "purchasing:pool", args=[tender.pool_id]
        )
        assert Award.objects.get().state == "confirmed"

    def test_keeps_what_was_typed_when_it_refuses(self, client):
        actor = staff()
        tender = tender_of([[40_000]], actor=actor)
        client.force_login(actor)
        answer = client.post(
            reverse("purchasing:award_studies", args=[tender.pool_id]), {"seconds": 60, "local_percent": 80}
        )
        assert answer.status_code == 400 and 'value="80"' in answer.content.decode()


class TestOverRest:
    def test_starts_reads_and_cancels(self, client):
        actor = staff()
        tender = tender_of([[40_000, 40_000], [30_000, 45_000]], actor=actor)
        client.force_login(actor)
        base = f"/api/v1/pools/{tender.pool_id}/award-studies/"
        made = client.post(base, {"max_suppliers": 1}, content_type="application/json")
        assert made.status_code == 202 and made.json()["state"] == "waiting"
        gone = client.post(f"{base}{made.json()['id']}/cancel/", content_type="application/json")
        assert gone.json()["state"] == "cancelled"
        study = computed(tender, actor)
        body = client.get(f"{base}{study.pk}/").json()
        assert (body["state"], body["cost"], body["gap"]) == ("proven", "840.00", 0)
        assert {row["goods"] for row in body["award"]} == {"360.00", "480.00"}
        assert len(client.get(base).json()) == 2
        refused = client.post(f"{base}{study.pk}/cancel/", content_type="application/json")
        assert (refused.status_code, refused.json()["code"]) == (409, "study_over")

    def test_refuses_sealed_tenders(self, client):
        actor = staff()
        tender = sent_tender(actor=actor)
        client.force_login(actor)
        answer = client.post(f"/api/v1/pools/{tender.pool_id}/award-studies/", {}, content_type="application/json")
        assert answer.json()["code"] == "study_sealed"


def test_a_case_describes_only_legal_awards():
    actor = staff()
    tender = tender_of([[40_000]], actor=actor)
    case = award_case.build(tender, Options(), on=LATER.date())
    study = AwardStudy(tender=tender, created_at=LATER)
    with pytest.raises(ValueError, match="demand"):
        describe(study, parse({"products": [{"id": "1", "demand": 1}], "suppliers": []}), {})
    assert case.cents(case.instance.offers[0].prices[0]) == 400
