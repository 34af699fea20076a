"""Computing the cheapest award of a tender in a worker: started, watched, stopped, resumed, accepted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from companies import audit, jobs
from companies.access import require
from companies.errors import DomainError
from companies.models import Job, User
from companies.money import euros
from companies.states import move
from purchasing import access, award_case
from purchasing.award_case import Options
from purchasing.models import Award, AwardStudy, Tender
from purchasing.rules.award import Instance, Result, Watch, parse, solve
from purchasing.rules.award.evaluate import Evaluation, evaluate
from purchasing.rules.award.instance import dump
from purchasing.rules.award.preference import prefer
from purchasing.rules.award.solve import INFEASIBLE, OPTIMAL, SEED
from purchasing.rules.errors import RuleError
from purchasing.services import award as awards
from purchasing.services import award_measure, award_result
from purchasing.states import STUDY, StudyState, TenderState

MOST_AT_ONCE = 2
SILENT = timedelta(seconds=30)  # without a sign of life for so long the worker is taken for dead
MOST_RESTARTS = 3  # what kills its worker this often is ended with the best award stored
SECONDS = (10, 60, 300)
TASK = "purchasing.solve_award_study"
SOLVER = "solver"


class StudySealed(DomainError):
    code = "study_sealed"
    message = _("The quotes are sealed: nothing is computed from them before they are opened.")


class StudyNothingToSolve(DomainError):
    code = "study_nothing_to_solve"
    message = _("No quote that is valid today covers a line of this tender.")


class StudyBusy(DomainError):
    code = "study_busy"
    message = _("%(n)s computations of this tender are already under way. Wait for one, or stop one.")


class StudyRefused(DomainError):
    code = "study_options_refused"
    message = _("These assumptions cannot be computed: %(why)s")


class StudyStale(DomainError):
    code = "study_stale"
    message = _("Since this computation a quote or a quantity has changed, or a quote expired. Compute again.")


class StudyWithoutAward(DomainError):
    code = "study_without_award"
    message = _("This computation has no combination to accept.")


class StudyOver(DomainError):
    code = "study_over"
    message = _("This computation has already ended.")


def check(tender: Tender) -> None:
    """Prices are read only after the opening, which is recorded."""
    if tender.state not in (TenderState.OPENED, TenderState.AWARDED) or tender.opened_at is None:
        raise StudySealed


@transaction.atomic(durable=True)
def start(*, actor: User, tender: Tender, options: Options, seconds: int = 60, at: datetime) -> AwardStudy:
    """Freeze the tender's current quotes as a problem and queue its solution."""
    require(access.can_run_tender(actor, tender))
    tender = Tender.objects.select_for_update(of=("self",)).select_related("pool").get(pk=tender.pk)
    check(tender)
    if tender.studies.filter(state__in=[StudyState.WAITING, StudyState.RUNNING]).count() >= MOST_AT_ONCE:
        raise StudyBusy(n=MOST_AT_ONCE)
    options = _checked(tender, options)
    try:
        case = award_case.build(tender, options, on=timezone.localdate(at))
    except RuleError as error:
        raise StudyRefused(why=error.message) from error
    if not case.lines:
        raise StudyNothingToSolve
    near = [i for i, quote in enumerate(case.quotes) if award_case.is_local(quote, options)]
    study = AwardStudy.objects.create(
        tender=tender,
        options=options.as_json(),
        seconds=min(max(seconds, 1), max(SECONDS)),
        instance={**dump(case.instance), "preferred": near if options.local_percent else []},
        scale=case.instance.scale,
        offers=[offer.pk for offer in case.offers],
        fingerprint=case.fingerprint,
        seed=SEED,
        result={
            "out": {str(pk): why for pk, why in case.out.items()},
            "open_lines": [line.pk for line in case.open_lines],
        },
        created_by=actor,
        created_at=at,
    )
    study.job = jobs.start(
        kind="award_study", task=TASK, payload={"study": study.pk}, actor=actor, total=study.seconds, at=at
    )
    study.save(update_fields=["job"])
    audit.record("awardstudy.started", target=study, at=at, actor=actor, data={"options": options.as_json()})
    return study


def _checked(tender: Tender, options: Options) -> Options:
    """Only suppliers of this tender, sensible figures; 0 means no limit and no preference."""
    known = set(tender.invitations.values_list("supplier_id", flat=True))
    if set(options.exclude) - known:
        raise StudyRefused(why=_("a supplier to leave out was not asked in this tender."))
    if options.max_suppliers is not None and not 1 <= options.max_suppliers <= 1000:
        raise StudyRefused(why=_("at least one supplier must be allowed."))
    if not 0 <= options.local_percent <= award_case.MOST_PERCENT:
        raise StudyRefused(why=_("the preference must be between 0 and 50 percent."))
    return Options(
        tuple(sorted(set(options.exclude))),
        options.max_suppliers,
        options.local_percent,
        options.local_postcode.strip(),
    )


def cancel(*, actor: User, study: AwardStudy, at: datetime) -> AwardStudy:
    """Stop a computation; a running one ends within a second or two and keeps the best award it has found.

    One whose worker is dead ends here and now, with the best award stored.
    """
    study = _ask_to_stop(actor=actor, study=study, at=at)
    if study.state == StudyState.RUNNING and is_silent(study, at=at):
        study = _end_with_stored(study, at=at)
        if study.job_id:
            jobs.cancel(study.job_id)
    return study


def is_silent(study: AwardStudy, *, at: datetime) -> bool:
    """Whether the worker of a computation that is not over gives no sign of life; it writes one about every second."""
    return not study.is_over and study.job is not None and study.job.beat_at < at - SILENT


@transaction.atomic(durable=True)
def _ask_to_stop(*, actor: User, study: AwardStudy, at: datetime) -> AwardStudy:
    require(access.can_run_tender(actor, study.tender))
    study = _locked(study.pk)
    if study.is_over:
        raise StudyOver
    if study.stop_asked_at is None:
        AwardStudy.objects.filter(pk=study.pk).update(stop_asked_at=at)
        study.stop_asked_at = at
        audit.record("awardstudy.stop_asked", target=study, at=at, actor=actor)
    if study.state == StudyState.WAITING:
        move(study, StudyState.CANCELLED, table=STUDY, at=at, actor=actor, finished_at=at)
        if study.job_id:
            jobs.cancel(study.job_id)
    return study


def _locked(pk: int) -> AwardStudy:
    return AwardStudy.objects.select_for_update(of=("self",)).select_related("tender__pool", "job").get(pk=pk)


def problem(study: AwardStudy) -> tuple[Instance, Instance]:
    """The instance as quoted, and as judged under the study's preference."""
    instance = parse(study.instance)
    percent = Options.read(study.options).local_percent
    return instance, prefer(instance, study.instance.get("preferred", ()), percent)


@dataclass(slots=True)
class _Progress:
    """What the solver has said, written to the row about once a second; reads whether somebody wants it to stop."""

    study: AwardStudy
    judged: Instance
    job: Job
    packs: dict[str, int] = field(default_factory=dict)
    began: datetime = field(default_factory=timezone.now)

    def better(self, _cost: int, packs: Mapping[int, int]) -> None:
        self.packs = {str(offer): count for offer, count in packs.items()}

    def tell(self, cost: int | None, bound: int) -> None:
        changes: dict[str, Any] = {"bound_cents": award_result.floor_cents(bound, self.judged.scale)}
        if cost is not None:
            changes |= {"judged_cents": award_result.cents(cost, self.judged.scale), "packs": self.packs}
        AwardStudy.objects.filter(pk=self.study.pk, state=StudyState.RUNNING).update(**changes)
        jobs.advance(self.job.pk, done=min(self.study.seconds, int((timezone.now() - self.began).total_seconds())))

    def stop(self) -> bool:
        row = AwardStudy.objects.filter(pk=self.study.pk).values_list("stop_asked_at", "state").first()
        return row is None or row[0] is not None or row[1] != StudyState.RUNNING


def work(*, job: Job, now: Callable[[], datetime]) -> AwardStudy | None:
    """What the worker does; after a crash it begins again from the best award stored. None when it was over already."""
    study = AwardStudy.objects.select_related("tender__pool", "created_by").get(pk=job.payload["study"])
    if study.is_over:
        return None
    if study.state == StudyState.WAITING:
        with transaction.atomic(durable=True):
            study = _locked(study.pk)
            if study.state != StudyState.WAITING:
                return None
            move(study, StudyState.RUNNING, table=STUDY, at=now(), actor=None, actor_label=SOLVER, started_at=now())
    elif _restarts(study) > MOST_RESTARTS:
        return _end_with_stored(study, at=now())
    instance, judged = problem(study)
    progress = _Progress(study, judged, job, packs=dict(study.packs))
    watch = Watch(
        stop=progress.stop,
        on_progress=progress.tell,
        known={int(offer): count for offer, count in study.packs.items()},
    )
    found = solve(judged, seconds=study.seconds, on_better=progress.better, watch=watch)
    return conclude(study=study, instance=instance, judged=judged, found=found, at=now())


def _restarts(study: AwardStudy) -> int:
    """How often a worker died over this computation, this time included."""
    count = int(study.result.get("restarts", 0)) + 1
    study.result = {**study.result, "restarts": count}
    AwardStudy.objects.filter(pk=study.pk, state=StudyState.RUNNING).update(result=study.result)
    return count


def _end_with_stored(study: AwardStudy, *, at: datetime) -> AwardStudy:
    """End a computation that no worker will end, with the best award it has stored, priced anew; nothing is claimed of it."""
    instance, judged = problem(study)
    packs = {int(offer): count for offer, count in study.packs.items()}
    priced = evaluate(judged, packs) if packs else None
    found = Result("unknown", 0.0, proof={"ended": "without its worker"})
    if isinstance(priced, Evaluation):
        found = replace(found, packs=packs, evaluation=priced, bound_cents=0)
    return conclude(study=study, instance=instance, judged=judged, found=found, at=at)


def state_of(found: Result, stopped: bool) -> str:
    """How sure the answer is: proven; within the bound when the solver gave one; else only the best found."""
    if found.evaluation is None:
        if found.status == INFEASIBLE:
            return StudyState.IMPOSSIBLE
        return StudyState.CANCELLED if stopped else StudyState.FAILED
    if found.status == OPTIMAL:
        return StudyState.PROVEN
    told = any(run.get("bound") is not None for run in found.proof.get("runs", ()))
    wrong = found.proof.get("disagreement", False)
    return StudyState.WITHIN if told and not wrong else StudyState.BEST_FOUND


def conclude(*, study: AwardStudy, instance: Instance, judged: Instance, found: Result, at: datetime) -> AwardStudy:
    """Store the answer with what it saves and why the others lost; once."""
    result = dict(study.result)
    fields: dict[str, Any] = {"proof": dict(found.proof), "finished_at": at}
    versions = {run.get("version") for run in found.proof.get("runs", ())} - {"", None}
    fields["solver_version"] = ", ".join(sorted(versions))[:40]
    if found.evaluation is not None:
        result |= award_result.describe(study, instance, found.packs)
        stopped = AwardStudy.objects.filter(pk=study.pk, stop_asked_at__isnull=False).exists()
        seconds = 2 if stopped else min(award_result.TOGETHER_SECONDS, study.seconds)
        result["together"] = award_result.together(instance, found.packs, result, seconds)
        fields |= {
            "packs": {str(offer): count for offer, count in found.packs.items()},
            "cost_cents": result["cost_cents"],
            "judged_cents": award_result.cents(found.evaluation.cost_cents, judged.scale),
            "bound_cents": award_result.floor_cents(found.bound_cents or 0, judged.scale),
        }
        if found.status == OPTIMAL:
            fields["bound_cents"] = fields["judged_cents"]
    elif found.reason:
        result["reason"] = {"code": found.reason.code, "product": found.reason.product}
    with transaction.atomic(durable=True):
        study = _locked(study.pk)
        if study.is_over:
            return study
        state = state_of(found, study.stop_asked_at is not None)
        move(
            study,
            state,
            table=STUDY,
            at=at,
            actor=None,
            actor_label=SOLVER,
            data={"cost_cents": fields.get("cost_cents"), "bound_cents": fields.get("bound_cents")},
            result=result,
            **fields,
        )
    return study


def accept(*, actor: User, study: AwardStudy, reason: str, at: datetime) -> Award:
    """Award the combination of a study, lot by lot. Without a reason of its own the award says how it was found."""
    require(access.can_run_tender(actor, study.tender))
    if not study.has_award:
        raise StudyWithoutAward
    if not award_measure.is_current(study):
        raise StudyStale
    wanted = award_measure.proposal(study)
    return awards.decide(
        actor=actor,
        tender=study.tender,
        choices=wanted.choices,
        quantities=wanted.quantities,
        reason=reason.strip() or default_reason(study),
        at=at,
    )


def default_reason(study: AwardStudy) -> str:
    """What is kept as the reason when nobody writes another one."""
    facts = {
        "n": study.pk,
        "amount": f"{euros(study.cost_cents or 0)}\u00a0€",
        "state": study.get_state_display().lower(),
    }
    if Options.read(study.options).is_plain:
        return gettext("Computed combination no. %(n)s of all quotes: %(amount)s before VAT, %(state)s.") % facts
    return gettext("Computed combination no. %(n)s under its assumptions: %(amount)s before VAT, %(state)s.") % facts


def give_up(*, job: Job, at: datetime) -> None:
    """End a study whose worker failed for a reason nobody foresaw; a new one may be started."""
    with transaction.atomic(durable=True):
        study = _locked(job.payload["study"])
        if not study.is_over:
            move(study, StudyState.FAILED, table=STUDY, at=at, actor=None, actor_label=SOLVER, finished_at=at)
