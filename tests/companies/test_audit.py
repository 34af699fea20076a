"""The audit log."""

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.utils import timezone

from companies import audit
from companies.models import AuditEntry, AuditSeal
from tests.factories.companies import CompanyFactory


def write(count):
    company = CompanyFactory()
    for number in range(count):
        audit.record(
            "company.touched", target=company, at=timezone.now(), actor=None, data={"number": number, "é": "œ"}
        )


def without_triggers(sql, *args):
    """What somebody with the database owner's rights could do."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql, args)
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.mark.django_db
class TestTheAuditLog:
    def test_is_intact_after_sealing_in_several_rounds(self):
        for _round in range(3):
            write(4)
            assert audit.seal() == 4
        verdict = audit.verify(at=timezone.now())
        assert (verdict.checked, verdict.broken) == (12, "")

    def test_cannot_be_changed_or_deleted(self):
        write(1)
        for change in (lambda: AuditEntry.objects.update(reason="x"), lambda: AuditEntry.objects.all().delete()):
            with pytest.raises(ProgrammingError), transaction.atomic():
                change()
        assert AuditEntry.objects.get().reason == ""

    def test_tells_which_entry_was_altered_behind_the_triggers(self):
        write(5)
        audit.seal()
        third = AuditEntry.objects.order_by("id")[2]
        without_triggers("UPDATE companies_auditentry SET reason = 'forged' WHERE id = %s", third.pk)
        assert audit.verify(at=timezone.now()).broken == f"entry {third.pk} (seal 3) was altered"

    def test_tells_which_entry_was_removed(self):
        write(3)
        audit.seal()
        second = AuditEntry.objects.order_by("id")[1]
        without_triggers("DELETE FROM companies_auditentry WHERE id = %s", second.pk)
        assert "removed" in audit.verify(at=timezone.now()).broken

    def test_tells_when_a_link_was_cut_out(self):
        write(3)
        audit.seal()
        without_triggers("DELETE FROM companies_auditseal WHERE seq = %s", 2)
        assert audit.verify(at=timezone.now()).broken == "seal 2 is missing"

    def test_tells_when_an_old_entry_was_never_sealed(self):
        write(2)
        assert "never sealed" in audit.verify(at=timezone.now() + 2 * audit.UNSEALED_PATIENCE).broken
        assert AuditSeal.objects.count() == 0
