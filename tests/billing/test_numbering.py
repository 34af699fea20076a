import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction

from companies.billing import numbering
from companies.billing.models import Invoice
from tests.factories.billing import AT, billing_mandate, in_name, invoice
from tests.factories.companies import CompanyFactory, staff


class Stumble(Exception):
    pass


@pytest.mark.django_db(transaction=True)
class TestNumbers:
    def test_are_unbroken_under_16_threads_that_fail_at_random(self):
        """I9: issued invoice numbers are unbroken, in our series and in the one of a supplier we write for."""
        company, mandate = CompanyFactory(), billing_mandate(actor=staff())

        def work(seed: int) -> list[int]:
            rng, issued = random.Random(seed), [0, 0]
            try:
                for turn in range(4):
                    try:
                        with transaction.atomic():
                            if theirs := turn % 2:
                                in_name(mandate, company, key=f"{seed}-{turn}")
                            else:
                                invoice(company, key=f"{seed}-{turn}")
                            if rng.random() < 0.4:
                                raise Stumble
                            issued[theirs] += 1
                    except Stumble:
                        pass
            finally:
                connection.close()
            return issued

        with ThreadPoolExecutor(16) as pool:
            issued = [sum(counts) for counts in zip(*pool.map(work, range(16)), strict=True)]
        for series, count in zip(("ERB", mandate.series), issued, strict=True):
            rows = Invoice.objects.filter(number__startswith=series)
            assert 0 < count < 16 * 2
            assert sorted(rows.values_list("number", flat=True)) == [
                f"{series}-2026-{n:05d}" for n in range(1, count + 1)
            ]

    def test_are_refused_outside_a_transaction(self):
        with pytest.raises(transaction.TransactionManagementError):
            numbering.take("ERB", at=AT)


@pytest.mark.django_db
class TestTake:
    def test_begins_again_with_the_year_of_paris(self):
        before = datetime(2026, 12, 31, 22, 59, tzinfo=UTC)
        after = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)
        assert list(numbering.take("ERB", at=before)) == [1]
        assert list(numbering.take("ERB", at=before, count=3)) == [2, 3, 4]
        assert list(numbering.take("ERB", at=after)) == [1]
        assert numbering.year_of(after) == 2027

    def test_keeps_series_apart(self):
        numbering.take("ERB", at=AT)
        assert list(numbering.take("AV", at=AT)) == [1]
