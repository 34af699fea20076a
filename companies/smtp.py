"""Mail by SMTP with a limit for the whole conversation: a server that drips holds no worker (decision 0053)."""

import smtplib
import socket
from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp

from companies import deadlines

SECONDS = 60.0


class _Plain(smtplib.SMTP):
    """A client that shows its connection to the limit as soon as it has one, before the first word."""

    def _get_socket(self, *args: Any) -> socket.socket:
        line: socket.socket = super()._get_socket(*args)  # type: ignore[misc]  # smtplib has it, its stubs do not
        deadlines.hold(line)
        return line


class _Tls(smtplib.SMTP_SSL):
    """The same, before TLS is spoken."""

    def _get_socket(self, *args: Any) -> socket.socket:
        line: socket.socket = smtplib.SMTP._get_socket(self, *args)  # type: ignore[attr-defined]  # as above
        deadlines.hold(line)
        return self.context.wrap_socket(line, server_hostname=self._host)  # type: ignore[attr-defined]  # as above


class Backend(smtp.EmailBackend):
    """Django's backend; what takes longer than the limit ends with TimeoutError, an OSError, and is tried again later."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _Tls if self.use_ssl else _Plain

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        with deadlines.within(SECONDS):
            return super().send_messages(email_messages) or 0
