"""Credit notes: the only way to correct an invoice."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.billing.models.invoice import Invoice, InvoiceLine
from companies.models import Document
from companies.models.guards import never_emptied


class CreditNote(models.Model):
    """What the association takes back from one invoice. Amounts are positive: they reduce the invoice."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="credit_notes")
    number = models.CharField(_("number"), max_length=24, unique=True)
    key = models.CharField(max_length=120, unique=True)
    reason = models.CharField(_("reason"), max_length=240)
    issued_at = models.DateTimeField()
    issued_on = models.DateField()
    net_cents = models.BigIntegerField()
    vat_cents = models.BigIntegerField()
    gross_cents = models.BigIntegerField()
    document = models.OneToOneField(Document, models.PROTECT, null=True, blank=True, related_name="credit_note")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                name="credit_note_gross_is_net_and_vat", condition=Q(gross_cents=F("net_cents") + F("vat_cents"))
            ),
            models.CheckConstraint(name="credit_note_is_of_something", condition=Q(gross_cents__gt=0)),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="credit_note_immutable", exclude=["document"]),
            pgtrigger.Protect(name="credit_note_not_deleted", operation=pgtrigger.Delete),
            never_emptied("credit_note_never_emptied"),
        ]

    def __str__(self) -> str:
        return self.number


class CreditNoteLine(models.Model):
    """The part of one invoice line that is taken back."""

    credit_note = models.ForeignKey(CreditNote, models.PROTECT, related_name="lines")
    line = models.ForeignKey(InvoiceLine, models.PROTECT, related_name="credits")
    net_cents = models.BigIntegerField()
    vat_cents = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["credit_note", "line"], name="credit_note_line_once")]
        triggers = [
            pgtrigger.Protect(name="credit_note_line_immutable", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied("credit_note_line_never_emptied"),
            pgtrigger.Trigger(
                name="credits_within_line",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                declare=[("_net", "BIGINT"), ("_sum", "BIGINT")],
                func=pgtrigger.Func(
                    """
                    SELECT net_cents INTO _net FROM {fields.line.related_model._meta.db_table} WHERE id = NEW.line_id;
                    SELECT sum(net_cents) INTO _sum FROM {meta.db_table} WHERE line_id = NEW.line_id;
                    IF abs(_sum) > abs(_net) OR _sum * _net < 0 THEN
                        RAISE EXCEPTION 'credits of line % come to %, more than its %', NEW.line_id, _sum, _net
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                    """
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.credit_note} · {self.line}"
