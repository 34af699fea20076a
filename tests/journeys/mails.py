"""The mails a running demo sent, as their readers would look for them."""

import re
from email import message_from_bytes, policy


def mails_to(stack, address):
    """The caught mails to an address, newest first."""
    for path in sorted((stack.state_dir / "mails").glob("*.eml"), reverse=True):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        if address in str(mail["to"]):
            yield mail


def wait_for_mail(stack, page, address, words=""):
    for _ in range(60):
        for mail in mails_to(stack, address):
            if words in mail["subject"] + mail.get_body().get_content():
                return mail
        page.wait_for_timeout(500)
    raise AssertionError(f"no mail to {address} about {words!r}")


def link_in(mail, part):
    return re.search(rf"https?://\S*{part}\S*", mail.get_body().get_content()).group().rstrip(".,)")
