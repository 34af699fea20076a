"""Payloads of the card: what is written is read, and nothing else is."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from benefit_card import base45, credential, key_set, revocation, short_code
from benefit_card.credential import PARIS, Key, Use, Verdict

PRINT_KEY, PHONE_KEY, ROOT, LIST_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3, 4))
START, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
KEYS = {
    kid: Key(kid, use, key.public_key().public_bytes_raw(), START, END)
    for kid, use, key in ((1, Use.PRINT, PRINT_KEY), (2, Use.PHONE, PHONE_KEY), (3, Use.LIST, LIST_KEY))
}
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
SEED = bytes(range(16))


def printed(*, expires_on: date = date(2026, 12, 31), kid: int = 1, key: Ed25519PrivateKey = PRINT_KEY) -> bytes:
    return credential.print_token(key=key, kid=kid, index=123456, expires_on=expires_on, generation=1)


def day_pass(*, at: datetime = NOON, kid: int = 2, key: Ed25519PrivateKey = PHONE_KEY) -> bytes:
    return credential.day_pass(key=key, kid=kid, index=123456, day=credential.utc_day(at), seed=SEED)


def shown(at: datetime = NOON) -> bytes:
    slot = credential.absolute_slot(at) % credential.SLOTS
    return credential.phone_code(day_pass(at=at), seed=SEED, slot=slot)


def verdict(payload: bytes, at: datetime = NOON, **options: object) -> Verdict:
    return credential.verify(credential.to_text(payload), **({"keys": KEYS, "at": at} | options)).verdict


class TestPrintToken:
    def test_has_73_bytes_and_115_letters(self):
        assert len(printed()) == 73
        assert len(credential.to_text(printed())) == 115

    def test_is_read_back_field_by_field(self):
        check = credential.verify(credential.to_text(printed()), keys=KEYS, at=NOON)
        assert (check.verdict, check.kind, check.index, check.generation) == (Verdict.VALID, "print", 123456, 1)
        assert check.expires == "2026-12-31"

    def test_refuses_every_single_bit_flip(self):
        token = printed()
        for bit in range(len(token) * 8):
            changed = bytearray(token)
            changed[bit // 8] ^= 1 << bit % 8
            assert verdict(bytes(changed)) in {Verdict.FORGED, Verdict.UNKNOWN_KEY, Verdict.MALFORMED}, bit

    @pytest.mark.parametrize(
        "day", [date(2026, 3, 3), date(2026, 3, 29), date(2026, 10, 25), date(2026, 3, 28), date(2026, 10, 24)]
    )
    def test_ends_at_midnight_in_paris_also_when_the_clock_changes(self, day):
        """Case: S code for index 123456, expiry day d: good at 23:59:59 Paris of d, `expired` at 00:00; both DST nights."""
        midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), PARIS).astimezone(UTC)
        assert verdict(printed(expires_on=day), midnight - timedelta(seconds=1)) == Verdict.VALID
        assert verdict(printed(expires_on=day), midnight) == Verdict.EXPIRED

    @pytest.mark.parametrize("kid", [0, 4, 200, 255])
    def test_says_unknown_key_and_not_forged_for_a_key_it_never_heard_of(self, kid):
        """Case: unknown kid → "mettez à jour l'application", not "faux". Threat: kid 0, 255."""
        assert verdict(printed(kid=kid)) == Verdict.UNKNOWN_KEY

    def test_refuses_a_foreign_key_under_a_known_number(self):
        assert verdict(printed(key=ROOT)) == Verdict.FORGED

    @pytest.mark.parametrize(("kid", "key"), [(2, PHONE_KEY), (3, LIST_KEY)])
    def test_refuses_a_key_of_another_use(self, kid, key):
        assert verdict(printed(kid=kid, key=key)) == Verdict.FORGED

    def test_refuses_the_other_type_byte(self):
        assert verdict(bytes([credential.PHONE]) + printed()[1:]) == Verdict.MALFORMED

    def test_accepts_a_retired_key_on_its_last_day_and_not_the_next(self):
        until = credential.end_of_day(date(2026, 3, 3))
        keys = {1: Key(1, Use.PRINT, KEYS[1].public, START, until)}
        assert verdict(printed(), until - timedelta(seconds=1), keys=keys) == Verdict.VALID
        assert verdict(printed(), until, keys=keys) == Verdict.UNKNOWN_KEY

    def test_does_not_count_before_its_key_does(self):
        keys = {1: Key(1, Use.PRINT, KEYS[1].public, NOON, END)}
        assert verdict(printed(), NOON - timedelta(seconds=1), keys=keys) == Verdict.UNKNOWN_KEY


class TestText:
    """The spelling of a code."""

    @pytest.mark.parametrize(
        "change",
        [
            str.lower,
            lambda text: text + " ",
            lambda text: " " + text,
            lambda text: text[:20] + " " + text[20:],
            lambda text: text + "=",
            lambda text: text + "\n",
            lambda text: text.replace("ERB1:", "ERB2:"),
            lambda text: text.removeprefix("ERB1:"),
            lambda text: text + text,
            lambda text: text[:-1],
            lambda text: "",
            lambda text: "javascript:alert(1)",
            lambda text: "x" * 4096,
            lambda text: "ERB1:" + "é" * 30,
            lambda text: "HTTPS://EVIL.EXAMPLE/C#AAAA",
        ],
    )
    def test_has_no_second_form(self, change):
        """Case, and Threat "second spelling of same bytes": lower case, inner space, `=` → refused."""
        text = change(credential.to_text(printed()))
        assert credential.verify(text, keys=KEYS, at=NOON, host="c.erb.fr").verdict == Verdict.MALFORMED

    def test_of_the_camera_link_is_read_for_our_host_only(self):
        text = credential.to_url(printed(), host="c.erb.fr")
        assert credential.verify(text, keys=KEYS, at=NOON, host="c.erb.fr").verdict == Verdict.VALID
        assert credential.verify(text, keys=KEYS, at=NOON, host="c.erb.com").verdict == Verdict.MALFORMED
        assert credential.verify(text, keys=KEYS, at=NOON).verdict == Verdict.MALFORMED

    def test_of_the_camera_link_refuses_a_changed_unused_bit(self):
        """Case: base32 with a changed unused last bit → refused. Threat: second spelling: trailing bit."""
        text = credential.to_url(printed(), host="c.erb.fr")
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
        others = [text[:-1] + letter for letter in alphabet if letter != text[-1]]
        refused = {credential.verify(other, keys=KEYS, at=NOON, host="c.erb.fr").verdict for other in others}
        assert refused <= {Verdict.MALFORMED, Verdict.FORGED}
        assert credential.verify(text + "=", keys=KEYS, at=NOON, host="c.erb.fr").verdict == Verdict.MALFORMED

    @given(st.text(max_size=300))
    def test_of_any_kind_gets_a_verdict(self, text):
        assert credential.verify(text, keys=KEYS, at=NOON, host="c.erb.fr").verdict == Verdict.MALFORMED

    @given(st.binary(max_size=120))
    def test_with_any_bytes_gets_a_verdict(self, payload):
        assert verdict(payload) in {Verdict.MALFORMED, Verdict.UNKNOWN_KEY, Verdict.FORGED}


class TestBase45:
    @given(st.binary(max_size=300))
    def test_reads_what_it_wrote(self, data):
        assert base45.decode(base45.encode(data)) == data

    @given(st.text(alphabet=base45.ALPHABET, max_size=60))
    def test_has_one_spelling_for_each_text_it_accepts(self, text):
        try:
            data = base45.decode(text)
        except base45.Base45Refused:
            return
        assert base45.encode(data) == text

    @pytest.mark.parametrize("text", [":::", "GGX", "::", "A", "AAAA", "aaa", "AA!"])
    def test_refuses_values_and_letters_that_do_not_exist(self, text):
        """Case: base45 value > 65,535 in a triple → refused."""
        with pytest.raises(base45.Base45Refused):
            base45.decode(text)

    def test_agrees_with_the_examples_of_the_standard(self):
        assert base45.encode(b"Hello!!") == "%69 VD92EX0"
        assert base45.encode(b"base-45") == "UJCLQE7W581"
        assert base45.decode("QED8WEX0") == b"ietf!"
        assert base45.encode(b"\xff\xff") == "FGW"


class TestPhoneCode:
    def test_has_106_bytes_and_164_letters(self):
        assert len(shown()) == 106
        assert len(credential.to_text(shown())) == 164

    @pytest.mark.parametrize(("late", "slack", "expected"), [
        (0, 1, Verdict.VALID), (-1, 1, Verdict.VALID), (1, 1, Verdict.VALID),
        (2, 1, Verdict.WRONG_SLOT), (-2, 1, Verdict.WRONG_SLOT), (2, 2, Verdict.VALID), (-2, 2, Verdict.VALID),
        (3, 2, Verdict.WRONG_SLOT), (-3, 2, Verdict.WRONG_SLOT),
    ])  # fmt: skip
    def test_lives_in_its_slot_and_the_ones_beside_it(self, late, slack, expected):
        assert verdict(shown(), NOON + timedelta(seconds=30 * late), slack=slack) == expected

    @pytest.mark.parametrize(
        "at",
        [
            datetime(2026, 3, 3, tzinfo=UTC),
            datetime(2026, 3, 3, 23, 59, 59, tzinfo=UTC),
            datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
            datetime(2026, 10, 25, 1, 0, tzinfo=UTC),
        ],
    )
    def test_is_valid_in_every_corner_of_the_day(self, at):
        assert verdict(shown(at), at) == Verdict.VALID

    def test_runs_on_across_midnight_of_the_utc_day(self):
        last = datetime(2026, 3, 3, 23, 59, 50, tzinfo=UTC)
        assert verdict(shown(last), last + timedelta(seconds=20)) == Verdict.VALID

    def test_cannot_be_moved_to_a_later_slot(self):
        code = bytearray(shown())
        slot = int.from_bytes(code[88:90], "big")
        code[88:90] = (slot + 1).to_bytes(2, "big")
        assert verdict(bytes(code), NOON + timedelta(seconds=30)) == Verdict.FORGED

    def test_gives_earlier_slots_only_when_hashed_on(self):
        code = bytearray(shown())
        slot = int.from_bytes(code[88:90], "big")
        code[88:90] = (slot - 1).to_bytes(2, "big")
        code[90:] = hashlib.sha256(b"ERBc" + code[90:]).digest()[:16]
        assert verdict(bytes(code), NOON - timedelta(seconds=30)) == Verdict.VALID  # stale, thus harmless

    def test_refuses_every_single_bit_flip(self):
        code = shown()
        for bit in range(len(code) * 8):
            changed = bytearray(code)
            changed[bit // 8] ^= 1 << bit % 8
            assert verdict(bytes(changed)) != Verdict.VALID, bit

    def test_has_no_slot_beyond_the_day(self):
        code = shown()[:88] + (2880).to_bytes(2, "big") + SEED
        assert verdict(code) == Verdict.MALFORMED

    def test_refuses_a_print_key(self):
        prefix = day_pass(kid=1, key=PRINT_KEY)
        slot = credential.absolute_slot(NOON) % credential.SLOTS
        assert verdict(credential.phone_code(prefix, seed=SEED, slot=slot)) == Verdict.FORGED


class TestShortCode:
    @given(st.integers(0, 2**45 - 1))
    def test_is_read_back_from_its_groups_in_any_case(self, number):
        code = short_code.from_number(number)
        assert short_code.read(short_code.grouped(code).lower()) == code
        assert short_code.read(code.replace("0", "o").replace("1", "l")) == code

    @given(st.integers(0, 2**45 - 1), st.integers(0, 9), st.sampled_from(short_code.ALPHABET))
    def test_notices_any_one_wrong_letter(self, number, place, letter):
        code = short_code.from_number(number)
        changed = code[:place] + letter + code[place + 1 :]
        if changed != code:
            with pytest.raises(short_code.ShortCodeRefused):
                short_code.read(changed)

    @given(st.integers(0, 2**45 - 1), st.integers(0, 9), st.integers(0, 9))
    def test_notices_any_two_swapped_letters(self, number, one, other):
        code = list(short_code.from_number(number))
        swapped = code.copy()
        swapped[one], swapped[other] = swapped[other], swapped[one]
        if swapped != code:
            with pytest.raises(short_code.ShortCodeRefused):
                short_code.read("".join(swapped))

    @pytest.mark.parametrize("text", ["", "0003NQK8N", "0003NQK8N12", "0003NQK8U1", "0003NQK8É1", "½" * 10])
    def test_refuses_what_cannot_be_one(self, text):
        with pytest.raises(short_code.ShortCodeRefused):
            short_code.read(text)


def a_list(revoked: list[int] | None = None, **changes: object) -> dict:
    fields = {"size": revocation.PADDING_BITS, "number": 7, "issued_at": NOON, "kid": 3, "key": LIST_KEY} | changes
    return revocation.write_list(revoked or [], **fields)


class TestRevocationList:
    @given(st.sets(st.integers(0, revocation.PADDING_BITS - 1), max_size=50))
    def test_is_exact(self, revoked):
        opened = key_set.read_list_with(a_list(sorted(revoked)), keys=KEYS)
        assert all(opened.revoked(index) for index in revoked)
        assert not any(opened.revoked(index + 1) for index in revoked if index + 1 not in revoked)

    def test_hides_the_number_of_cards(self):
        assert a_list(list(range(4)))["size"] == a_list(list(range(4000)))["size"] == 131_072

    def test_of_4000_cards_travels_in_less_than_a_kilobyte(self):
        scattered = [index * 655 % 131_071 for index in range(200)]
        assert len(a_list(scattered)["bitmap"]) < 1000

    def test_of_a_million_cards_stays_below_130_kilobytes(self):
        """Case: 1,000,000 synthetic cards: list ≤ 130 kB raw (128 KiB = 131,072 B); 5 % revoked travel in 62 kB signed."""
        size = revocation.padded_bits(1_000_000)
        revoked = set(random.Random(26100).sample(range(size), 50_000))
        document = a_list(revoked, size=size)
        opened = key_set.read_list_with(document, keys=KEYS)
        assert len(opened.bits) <= 132_000 and len(opened.bits) * 8 >= 1_000_000
        assert len(revocation.canonical(document)) <= 62_000
        assert {index for index in range(0, size, 101) if opened.revoked(index)} == revoked & set(range(0, size, 101))

    @pytest.mark.parametrize("field", ["number", "issued_at", "sha256", "bitmap", "size", "kid", "signature"])
    def test_is_refused_when_anything_was_touched(self, field):
        document = a_list([5])
        other = a_list([6], number=8, issued_at=NOON + timedelta(hours=1))
        document[field] = other[field] if other[field] != document[field] else 2**20
        with pytest.raises(revocation.DocumentRefused):
            key_set.read_list_with(document, keys=KEYS)

    @pytest.mark.parametrize("document", [None, [], {}, {"kid": 3}, "x", {"format": "erb-revocations-1", "kid": []}])
    def test_is_refused_when_it_is_none(self, document):
        with pytest.raises(revocation.DocumentRefused):
            key_set.read_list_with(document, keys=KEYS)

    def test_is_refused_under_a_key_of_another_use(self):
        with pytest.raises(revocation.DocumentRefused):
            key_set.read_list_with(a_list(kid=1, key=PRINT_KEY), keys=KEYS)

    def test_does_not_unpack_a_bomb(self):
        bomb = a_list()
        bomb["bitmap"] = revocation.b64(__import__("zlib").compress(bytes(50_000_000)))
        bomb = revocation.sign(bomb, key=LIST_KEY, context=revocation.LIST_CONTEXT)
        tracemalloc.start()
        with pytest.raises(revocation.DocumentRefused):
            key_set.read_list_with(bomb, keys=KEYS)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
        tracemalloc.stop()

    def test_revokes_exactly_its_cards(self):
        opened = key_set.read_list_with(a_list([123456]), keys=KEYS)
        assert verdict(printed(), revocations=opened) == Verdict.REVOKED
        assert verdict(shown(), revocations=opened) == Verdict.REVOKED

    @pytest.mark.parametrize(("hours", "age"), [(24, "green"), (25, "amber"), (72, "amber"), (73, "red")])
    def test_ages(self, hours, age):
        opened = key_set.read_list_with(a_list(), keys=KEYS)
        assert opened.age(NOON + timedelta(hours=hours)) == age

    def test_of_the_day_before_yesterday_refuses_print_and_not_the_phone(self):
        opened = key_set.read_list_with(a_list(issued_at=NOON - timedelta(hours=73)), keys=KEYS)
        assert verdict(printed(), revocations=opened) == Verdict.STALE_LIST
        assert verdict(shown(), revocations=opened) == Verdict.VALID


def step(old: set[int], new: set[int], size: int = revocation.PADDING_BITS, changed: Any = ()) -> tuple[Any, Any, Any]:
    """An older list as a scanner opened it, what the server says changed since, and the newer list as it is served."""
    base = a_list(sorted(old), size=size)
    listed = a_list(sorted(new), size=size, number=8, issued_at=NOON + timedelta(hours=1))
    return (
        key_set.read_list_with(base, keys=KEYS),
        (revocation.write_changes(listed, base=base) or {}) | dict(changed),
        listed,
    )


class TestChangesOfARevocationList:
    """case: revocation by a daily delta; a broken or foreign one leaves the list that was there."""

    PLACES = st.sets(st.integers(0, revocation.PADDING_BITS - 1), max_size=40)

    @given(PLACES, PLACES)
    def test_lead_to_the_list_that_was_signed(self, old, new):
        many = {index * 655 % 131_071 for index in range(400)}
        base, changes, listed = step(many ^ old, many ^ new)
        assert key_set.read_changes_with(changes, base=base, keys=KEYS) == key_set.read_list_with(listed, keys=KEYS)

    def test_of_twenty_cards_among_a_million_are_53_bytes(self):
        """Design: daily delta (20 changes) ≈ 53 B; the whole document 430 B, where the list has 62 kB."""
        draw, size = random.Random(26100), revocation.padded_bits(1_000_000)
        old = set(draw.sample(range(size), 50_000))
        base, changes, listed = step(old, old ^ set(draw.sample(range(size), 20)), size)
        assert len(revocation.unb64(changes["flips"])) <= 60
        assert len(revocation.canonical(changes) + changes["signature"].encode()) <= 480
        assert key_set.read_changes_with(changes, base=base, keys=KEYS) == key_set.read_list_with(listed, keys=KEYS)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("base", 6), ("number", 9), ("number", None), ("issued_at", (NOON + timedelta(days=9)).isoformat()), ("kid", 1), ("kid", []),
            ("size", 2 * revocation.PADDING_BITS), ("sha256", "0" * 64), ("flips", ""), ("flips", "gA"), ("flips", "____fw"),
            ("flips", "?"), ("flips", None), ("signature", revocation.b64(bytes(64))), ("signature", None),
            ("format", "erb-revocations-1"),
        ],
    )  # fmt: skip
    def test_are_refused_when_anything_was_touched(self, field, value):
        base, changes, _listed = step({5, 70}, {6, 70}, changed={field: value})
        with pytest.raises(revocation.DocumentRefused):
            key_set.read_changes_with(changes, base=base, keys=KEYS)

    def test_are_refused_by_whoever_has_another_list(self):
        base, changes, _listed = step({5}, {6})
        forged = dataclasses.replace(base, bits=revocation.bitmap([7], size=revocation.PADDING_BITS))
        for other in (forged, dataclasses.replace(base, number=6), dataclasses.replace(base, number=9)):
            with pytest.raises(revocation.DocumentRefused):
                key_set.read_changes_with(changes, base=other, keys=KEYS)

    def test_lead_to_no_older_list_however_well_it_was_signed(self):
        """Threat: stale list on purpose: the head of an older list is genuine, and is refused all the same."""
        lost, known = a_list([5], number=9), a_list([6])
        back = revocation.write_changes(known, base=lost)
        with pytest.raises(revocation.DocumentRefused):
            key_set.read_changes_with(back, base=key_set.read_list_with(lost, keys=KEYS), keys=KEYS)

    def test_are_not_made_when_the_whole_is_shorter_or_has_another_size(self):
        base = a_list([1])
        assert revocation.write_changes(a_list(range(9000)), base=base) is None
        assert revocation.write_changes(a_list([1], size=2 * revocation.PADDING_BITS), base=base) is None
        assert revocation.write_changes({k: v for k, v in base.items() if k != "head"}, base=base) is None


class TestKeySet:
    def write(self) -> dict:
        return key_set.write_key_set(KEYS.values(), number=1, issued_at=NOON, root=ROOT)

    def read(self, document: object) -> dict[int, Key]:
        return key_set.read_key_set(document, root=ROOT.public_key().public_bytes_raw())

    def test_reads_what_it_wrote(self):
        assert self.read(self.write()) == KEYS

    def test_is_refused_when_a_key_was_exchanged(self):
        document = self.write()
        document["keys"][0]["public"] = revocation.b64(LIST_KEY.public_key().public_bytes_raw())
        with pytest.raises(revocation.DocumentRefused):
            self.read(document)

    def test_is_refused_under_another_root(self):
        with pytest.raises(revocation.DocumentRefused):
            key_set.read_key_set(self.write(), root=KEYS[1].public)

    @pytest.mark.parametrize("kid", [0, 255])
    def test_never_holds_the_reserved_numbers(self, kid):
        key = Key(kid, Use.PRINT, KEYS[1].public, START, END)
        document = key_set.write_key_set([key], number=1, issued_at=NOON, root=ROOT)
        with pytest.raises(revocation.DocumentRefused):
            self.read(document)
