"""What the clock does from commitment to settlement. Each task takes ids or nothing and may run twice."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from companies.errors import DomainError
from purchasing.models import Pool, PurchaseOrder
from purchasing.services import agreement, alone, changes, closing, dearer, lock, proof_of_commitment


@shared_task(name="purchasing.sweep_deadlines")
def sweep_deadlines() -> int:
    """Lock the pools whose deadline has passed. One pool that refuses does not stop the others."""
    done = 0
    for pk in lock.due_pools(timezone.now()):
        lock_pool.delay(pool_id=pk)
        done += 1
    return done


@shared_task(name="purchasing.lock_pool")
def lock_pool(*, pool_id: int) -> None:
    """Lock one pool; a second worker finds it done."""
    try:
        lock.lock(pool=Pool.objects.get(pk=pool_id), at=timezone.now())
    except DomainError:
        return  # extended or cancelled in the meantime: nothing to do


@shared_task(name="purchasing.ask_approvals")
def ask_approvals() -> None:
    """Ask approvers again where the amount has grown since the commitment."""
    for pool in Pool.objects.filter(state__in=["committing", "completing"]).order_by("pk"):
        agreement.ask_approvals(pool=pool, at=timezone.now())


@shared_task(name="purchasing.conclude_changes")
def conclude_changes() -> None:
    """Conclude suppliers' changes whose time to agree is over."""
    waiting = PurchaseOrder.objects.filter(
        state="changed", acknowledgements__consent_until__lte=timezone.now()
    ).distinct()
    for row in waiting.order_by("pk"):
        changes.conclude_change(actor=None, order=row, at=timezone.now())


@shared_task(name="purchasing.write_proof")
def write_proof(*, proof_id: int) -> None:
    """Print, store and mail the proof of a commitment. Safe to run twice."""
    proof_of_commitment.write(proof_id=proof_id, at=timezone.now())


@shared_task(name="purchasing.sweep_proofs")
def sweep_proofs() -> int:
    """Finish the proofs a crash left without their PDF."""
    rows = proof_of_commitment.unwritten(timezone.now() - timedelta(minutes=2))
    for pk in rows:
        proof_of_commitment.write(proof_id=pk, at=timezone.now())
    return len(rows)


@shared_task(name="purchasing.warn_closing")
def warn_closing() -> int:
    """A day before a pool closes, tell its companies what still needs filling. Once per deadline."""
    at = timezone.now()
    rows = closing.due(at)
    for pk in rows:
        closing.warn(pool=Pool.objects.get(pk=pk), at=at)
    return len(rows)


@shared_task(name="purchasing.price_alone")
def price_alone() -> int:
    """What companies would pay alone: computed before a pool closes, proven as far as the solver can; and whether ordering
    together pays, again after every change of words. May run twice."""
    at, until = timezone.now(), timezone.now() + timedelta(seconds=240)
    soon = alone.due(at)
    rows = {*soon, *dearer.due(at)}
    for pool in Pool.objects.filter(pk__in=rows).order_by("closes_at", "pk"):
        left = (until - timezone.now()).total_seconds()
        if left > 0:
            alone.prepare(pool=pool, at=at)
            if pool.pk in soon:
                alone.prove_all(pool=pool, at=at, seconds=left)
            dearer.refresh(pool=pool, at=at)
    return len(rows)
