"""What the clock does for employee pools. Each task takes ids or nothing and may run twice."""

import logging

from celery import shared_task
from django.utils import timezone

from companies.billing.payments import PaymentServiceDown
from companies.errors import DomainError
from purchasing.models import EmployeePool
from purchasing.services import employee_lock, employee_money

log = logging.getLogger(__name__)


@shared_task(name="purchasing.sweep_employee_pools")
def sweep_employee_pools() -> None:
    """Lock employee pools whose deadline has passed, charge and release what stayed behind, send refunds on their way."""
    for pk in employee_lock.due(timezone.now()):
        lock_employee_pool.delay(pool_id=pk)
    for pk in employee_lock.unsettled():
        settle_employee_money.delay(pool_id=pk)
    for pk in employee_money.undone():
        carry_out_pay_backs.delay(pool_id=pk)


@shared_task(name="purchasing.lock_employee_pool")
def lock_employee_pool(*, pool_id: int) -> None:
    """Lock one employee pool; a second worker finds it done."""
    try:
        employee_lock.lock(pool=EmployeePool.objects.get(pk=pool_id), at=timezone.now())
    except (DomainError, PaymentServiceDown) as refusal:
        log.warning("employee pool %s: %s", pool_id, refusal)  # the sweep comes back


@shared_task(name="purchasing.settle_employee_money")
def settle_employee_money(*, pool_id: int) -> None:
    """Charge or release the cards of one pool."""
    employee_lock.settle(pool=EmployeePool.objects.get(pk=pool_id), at=timezone.now())


@shared_task(name="purchasing.carry_out_pay_backs")
def carry_out_pay_backs(*, pool_id: int) -> None:
    """Send decided refunds of one pool, each once."""
    employee_money.carry_out(pool=EmployeePool.objects.get(pk=pool_id), at=timezone.now())


@shared_task(name="purchasing.ask_employees_to_pay")
def ask_employees_to_pay() -> None:
    """Tell those who committed early, or whose reservation has ended, that their card is asked now."""
    employee_money.ask_to_pay(at=timezone.now())
