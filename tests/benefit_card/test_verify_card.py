"""`manage.py verify_card`: JSON and an exit code for whatever it is given."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import execute_from_command_line

from benefit_card import credential, key_set, keyring, revocation

from .test_credential import KEYS, NOON, PRINT_KEY, ROOT, a_list, printed, shown


@pytest.fixture(autouse=True)
def key_directory(settings, tmp_path):
    settings.CARD_KEY_DIR = str(tmp_path)
    settings.CARD_HOST = "c.erb.fr"
    (tmp_path / "root.pub").write_text(revocation.b64(ROOT.public_key().public_bytes_raw()))
    keyring.publish(key_set.write_key_set(KEYS.values(), number=1, issued_at=NOON, root=ROOT))
    return tmp_path


@pytest.fixture
def run(capsys, monkeypatch):
    def run(*arguments: str, stdin: bytes = b"") -> tuple[int, dict]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as left:
            execute_from_command_line(["manage.py", "verify_card", *arguments])
        return left.value.code, json.loads(capsys.readouterr().out)

    return run


class TestVerifyCard:
    def test_accepts_a_good_card(self, run):
        code, answer = run(credential.to_text(printed()), "--at", NOON.isoformat())
        assert code == 0
        assert answer == {
            "verdict": "valid", "kind": "print", "index": 123456, "generation": 1, "expires": "2026-12-31",
        }  # fmt: skip

    def test_reads_standard_input_and_a_phone(self, run):
        code, answer = run("-", "--at", NOON.isoformat(), stdin=credential.to_text(shown()).encode() + b"\r\n")
        assert (code, answer["kind"], answer["generation"]) == (0, "phone", None)

    @pytest.mark.parametrize(
        ("at", "verdict"),
        [
            ("2026-12-31T23:59:59+01:00", "valid"),
            ("2027-01-01T00:00:00+01:00", "expired"),
            ("2026-12-31T23:59:59", "valid"),
            ("2027-01-01", "expired"),
            ("0001-01-01", "unknown_key"),
            ("9999-12-31T23:59:59-12:00", "unknown_key"),
        ],
    )
    def test_judges_at_the_time_it_is_told(self, run, at, verdict):
        assert run(credential.to_text(printed()), "--at", at)[1]["verdict"] == verdict

    @pytest.mark.parametrize(
        "arguments",
        [
            ["ERB1:ABC"],
            ["--", "-x"],
            ["--nonsense"],
            ["a", "b"],
            ["x", "--at", "yesterday"],
            [""],
            ["\udcff"],
            ["é" * 999],
        ],
    )
    def test_answers_nonsense_in_json(self, run, arguments):
        code, answer = run(*arguments)
        assert (code, answer["verdict"]) == (1, "malformed")

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"keys": 3}'])
    def test_knows_no_key_when_the_key_set_is_broken(self, run, tmp_path, content):
        (tmp_path / "bad.json").write_bytes(content)
        code, answer = run(credential.to_text(printed()), "--keys", str(tmp_path / "bad.json"))
        assert (code, answer["verdict"]) == (1, "unknown_key")

    def test_reports_revoked_stale_and_broken_lists(self, run, tmp_path):
        file = tmp_path / "list.json"
        text = credential.to_text(printed())

        def with_list(document: object, at: datetime = NOON) -> str:
            file.write_text(json.dumps(document))
            return run(text, "--at", at.isoformat(), "--revocations", str(file))[1]["verdict"]

        assert with_list(a_list([1])) == "valid"
        assert with_list(a_list([123456])) == "revoked"
        assert with_list(a_list(), NOON + timedelta(hours=73)) == "stale_list"
        assert with_list(a_list() | {"number": 9}) == "stale_list"
        file.unlink()
        assert run(text, "--at", NOON.isoformat(), "--revocations", str(file))[1]["verdict"] == "stale_list"

    def test_calls_a_forgery_by_its_name(self, run):
        forged = credential.print_token(
            key=ROOT, kid=1, index=1, expires_on=datetime(2030, 1, 1, tzinfo=UTC).date(), generation=0
        )
        assert run(credential.to_text(forged), "--at", NOON.isoformat())[1]["verdict"] == "forged"
        assert PRINT_KEY != ROOT
