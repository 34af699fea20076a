"""The outbox: a mail is a row before it is sent, so that none is lost or sent twice."""

from django.db import models

from companies.models.document import Document


class OutboxMail(models.Model):
    """One mail. `key` says what it is about: queueing the same key twice keeps the first."""

    key = models.CharField(max_length=160, unique=True)
    to = models.EmailField()
    language = models.CharField(max_length=5)
    subject = models.CharField(max_length=250)
    body = models.TextField()
    unsubscribe = models.CharField(
        max_length=300, blank=True, db_default="", help_text="Where one POST stops such mails."
    )
    attachments = models.ManyToManyField(Document, blank=True)
    queued_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["queued_at"], condition=models.Q(sent_at__isnull=True), name="mail_to_send")]

    def __str__(self) -> str:
        return f"{self.to}: {self.subject}"
