"""An employee pool with companies, their people and the Stripe double, driven by the real services."""

from datetime import timedelta

from django.utils import timezone

from companies.billing import ledger, personal
from companies.billing.models import AccountKind, PersonalPayment
from companies.models import Role
from purchasing.models import EmployeeArrival, EmployeePayBack, EmployeePool, EmployeePurchase
from purchasing.services import employee_goods, employee_lock, employee_money, employee_pool, employee_purchase
from purchasing.services.employee_pool import Frame, Offered, Subsidy
from tests.factories.companies import CompanyFactory, EmploymentFactory, UserFactory, member, staff

NOW = timezone.now().replace(microsecond=0)
CLOSES = NOW + timedelta(days=3)
AFTER = CLOSES + timedelta(minutes=1)
TIERS = ((2, 9_000), (5, 8_000), (8, 7_000))


def person(company, **more):
    """An employee of a company who can sign in."""
    return EmploymentFactory(company=company, person__user=UserFactory(), **more).person


class EmployeeWorld:
    """One pool of one article; `double` plays the card's bank."""

    def __init__(self, double, *, tiers=TIERS, subsidy=None, people=2, closes=CLOSES, frame=None, own=False, **article):
        self.double, self.staff = double, staff()
        self.company = CompanyFactory(name="Tannerie du Pont")
        self.hr = member(self.company, Role.HR)
        self.people = [person(self.company) for _one in range(people)]
        frame = Frame("Granulés de bois", "", closes, **(frame or {}))
        company = self.company if own else None
        self.pool = employee_pool.save(actor=self.hr if own else self.staff, company=company, frame=frame, at=NOW)
        self.article = employee_pool.offer(
            actor=self.staff, pool=self.pool, offered=Offered("Palette", tiers, **article), at=NOW
        )
        if subsidy:
            self.subsidise(subsidy)
        self.pool = employee_pool.publish(actor=self.staff, pool=self.pool, at=NOW)

    def subsidise(self, subsidy, company=None, actor=None):
        employee_pool.subsidise(
            actor=actor or self.hr, pool=self.pool, company=company or self.company, subsidy=subsidy, at=NOW
        )

    def commit(self, who, quantity, at=NOW, actor=None, more=0):
        return employee_purchase.commit(
            actor=actor or who.user,
            person=who,
            pool=self.pool,
            wanted={self.article.pk: quantity},
            more={self.article.pk: more},
            at=at,
        )

    def pay(self, row, at=NOW, number="4242424242424242"):
        payment = employee_purchase.pay(actor=row.person.user, row=row, at=at)
        if payment.own_cents:
            self.double.pays(payment.url, number=number)
            personal.look(payment=payment, at=at)
        row.refresh_from_db()
        return row

    def join(self, who, quantity, at=NOW, more=0):
        return self.pay(self.commit(who, quantity, at, more=more), at)

    def withdraw(self, who, at=NOW):
        return employee_purchase.withdraw(actor=who.user, person=who, pool=self.pool, at=at)

    def lock(self, at=AFTER):
        self.pool = employee_lock.lock(pool=self.pool, at=at)
        return self.pool

    def order(self, at=AFTER):
        self.pool = employee_goods.order(actor=self.staff, pool=self.pool, at=at)
        return self.pool

    def arrive(self, units, number=1, actor=None, company=None):
        return employee_goods.arrive(
            actor=actor or self.hr,
            pool=self.pool,
            company=company or self.company,
            counts={self.article.pk: units},
            number=number,
            at=AFTER,
        )

    def hand_over(self, row, refused=0, actor=None, **more):
        line = row.lines.get()
        return employee_goods.hand_over(
            actor=actor or self.hr,
            purchase=row,
            refused={line.pk: refused} if refused else {},
            reason="Écrasé" if refused else "",
            at=AFTER,
            **more,
        )

    def short(self, actor=None):
        return employee_goods.close_short(
            actor=actor or self.staff, pool=self.pool, company=self.company, article=self.article, at=AFTER
        )

    def close(self):
        self.pool = employee_money.close(actor=self.staff, pool=self.pool, at=AFTER)
        return self.pool

    def alive(self):
        return list(self.pool.purchases.filter(state__in=["committed", "locked"]).order_by("pk"))


def owed(company):
    return ledger.balance(AccountKind.SUBSIDIES, company=company)


def advances():
    return -ledger.balance(AccountKind.EMPLOYEES)


def check(pool):
    """What must hold after each step, whatever it was: state, payments and books tell the same story."""
    from companies.billing import checking

    assert not checking.first_break()
    payments = PersonalPayment.objects.filter(employee_purchase__pool=pool)
    taken = sum(row.captured_cents - row.refunded_cents for row in payments)
    parts = {}
    for row in payments.select_related("company"):
        kept = row.captured_subsidy_cents - row.refunded_subsidy_cents
        parts[row.company] = parts.get(row.company, 0) + kept
        assert 0 <= row.captured_cents - row.captured_subsidy_cents <= row.own_cents
    closed = EmployeePool.objects.get(pk=pool.pk).state == "closed"
    assert advances() == (0 if closed else taken)
    for company, cents in parts.items():
        assert owed(company) == (0 if closed else cents)
    for place in pool.places.exclude(total_cap_cents=None):
        held = pool.purchases.filter(company=place.company, state__in=["committed", "locked"])
        assert sum(row.reserved_cents for row in held) <= place.total_cap_cents
        assert sum(row.subsidy_cents or 0 for row in held) <= place.total_cap_cents
    for row in EmployeePurchase.objects.filter(pool=pool).select_related("payment"):
        if row.payment and row.payment.state == "captured":
            assert row.state == "locked"
            assert (row.price_cents, row.subsidy_cents) == (
                row.payment.captured_cents,
                row.payment.captured_subsidy_cents,
            )
    _goods(pool)


def _goods(pool):
    for article in pool.articles.all():
        arrived = sum(EmployeeArrival.objects.filter(article=article).values_list("quantity", flat=True))
        assert arrived == sum(line.arrived for line in article.wanted.all())
        for line in article.wanted.all():
            refused = [row for row in line.pay_backs.all() if row.cause == "refused"]
            missing = [row for row in line.pay_backs.all() if row.cause != "refused"]
            assert sum(row.units for row in refused) == line.refused
            assert sum(row.units for row in missing) == line.missing
            assert sum(row.handed for row in line.pick_ups.all()) == line.handed
            back = list(line.pay_backs.all())
            assert sum(row.cents for row in back) == line.worth(sum(row.units for row in back))
        if article.unit_price_cents and pool.state != "locked":
            ordered = sum(line.ordered for line in article.wanted.filter(purchase__state="locked"))
            assert (ordered + article.rest) % article.pack == 0 and article.rest < article.pack
            assert not ordered or article.unit_price_cents <= article.tiers.first().unit_price_cents
    for row in EmployeePurchase.objects.filter(pool=pool, state="locked"):
        lines = row.lines.all()
        assert row.freight_cents == sum(line.freight_cents for line in lines)
        assert row.price_cents == sum(line.worth(line.ordered) for line in lines)
    for row in EmployeePayBack.objects.filter(line__article__pool=pool):
        assert (row.state == "paid") == (row.refund is not None and row.refund.state == "succeeded")


PERCENT = Subsidy(kind="percent", percent_bp=1_000, person_cap_cents=1_500)
