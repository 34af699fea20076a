"""Reads one sale made without network, as a till wrote it: for the queue that arrives by itself and for one in a file."""

from typing import Any

from rest_framework import serializers

from benefit_card.offline_entry import Entry

MOST = 2**53
CODE_LENGTH = 200


class EntryInput(serializers.Serializer):
    """One sale made without network. `signature`: ECDSA P-256 by the device over `ERB-offline-1\\n` and the canonical JSON."""

    client_id = serializers.UUIDField()
    seq = serializers.IntegerField(min_value=0, max_value=MOST)
    code = serializers.CharField(max_length=CODE_LENGTH, trim_whitespace=False)
    offer = serializers.IntegerField(min_value=0, max_value=MOST)
    offer_version = serializers.IntegerField(min_value=1, max_value=32_767)
    amount = serializers.CharField(max_length=20)
    scanned_at = serializers.DateTimeField()
    list_number = serializers.IntegerField(min_value=0, max_value=MOST, allow_null=True, required=False, default=None)
    list_issued_at = serializers.DateTimeField(allow_null=True, required=False, default=None)
    cashier = serializers.CharField(max_length=300, allow_blank=True, required=False, default="")
    undone = serializers.BooleanField(required=False, default=False)
    signature = serializers.CharField(max_length=120)


_FORM = EntryInput()  # made once: a serializer copies all its fields each time it is made


def read_entry(raw: Any) -> tuple[dict[str, Any], Entry | None]:
    """The document as it came, and the entry it holds; None for one that cannot be read."""
    if not isinstance(raw, dict):
        return {"raw": str(raw)[:500]}, None
    try:
        said = dict(_FORM.run_validation(raw))
    except serializers.ValidationError:
        return raw, None
    said.pop("signature")
    return raw, Entry(**said)
