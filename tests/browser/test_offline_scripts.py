"""The till judges without network as the server would: codes, signed documents, hours, queue."""

import json
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Browser, Page

from benefit_card import credential, keyring
from benefit_card.key_set import write_key_set
from benefit_card.offline_entry import signed_by
from benefit_card.revocation import b64, read_list, unb64, write_changes, write_list
from merchants.pricing import is_open_at
from tests.factories.benefit_card import SEED

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FOLDER = "/static/benefit_card"
NOON = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)
HOST = "ERB.FR"


@pytest.fixture(scope="module")
def world() -> Any:
    """Keys, a list and codes of every fate, as a server would give them out."""
    return World()


class World:
    """Two print keys, a phone key and a list key; card 7 is on the list."""

    def __init__(self) -> None:
        self.root = Ed25519PrivateKey.generate()
        self.private = {kid: Ed25519PrivateKey.generate() for kid in (1, 2, 3, 4)}
        uses = {1: credential.Use.PRINT, 2: credential.Use.PHONE, 3: credential.Use.LIST, 4: credential.Use.PRINT}
        day = timedelta(days=1)
        self.keys = {
            kid: credential.Key(
                kid, use, self.private[kid].public_key().public_bytes_raw(), NOON - 30 * day,
                NOON if kid == 4 else NOON + 30 * day,
            )
            for kid, use in uses.items()
        }  # fmt: skip
        self.key_set = write_key_set(self.keys.values(), number=1, issued_at=NOON, root=self.root)
        self.list = write_list([7], size=131_072, number=5, issued_at=NOON, kid=3, key=self.private[3])

    def printed(self, *, kid: int = 1, index: int = 123_456, until: date = date(2026, 3, 3), signer: int = 0) -> bytes:
        key = self.private[signer or kid]
        return credential.print_token(key=key, kid=kid, index=index, expires_on=until, generation=1)

    def phone(self, shift: int = 0, at: datetime = NOON) -> bytes:
        day, slot = divmod(credential.absolute_slot(at) + shift, credential.SLOTS)
        prefix = credential.day_pass(key=self.private[2], kid=2, index=9, day=day, seed=SEED)
        return credential.phone_code(prefix, seed=SEED, slot=slot)

    def texts(self) -> list[str]:
        good = credential.to_text(self.printed())
        link = credential.to_url(self.printed(), host=HOST)
        flips = [bytearray(self.printed()) for _flip in range(60)]
        for bit, flipped in enumerate(flips):
            flipped[bit * 9 // 8 % 73] ^= 1 << bit % 8
        return [
            good, link, link[:-1] + ("B" if link[-1] == "A" else "A"), link.lower(), good + " ", good.lower(), "ERB1:",
            "ERB1:::::::", "javascript:alert(1)", "HTTPS://EVIL.EXAMPLE/C#" + link.split("#")[1], "A" * 300, "",
            credential.to_text(self.printed(kid=9, signer=1)), credential.to_text(self.printed(signer=2)),
            credential.to_text(self.printed(kid=2)), credential.to_text(self.printed(kid=3)),
            credential.to_text(self.printed(kid=4)), credential.to_text(self.printed(index=7)),
            credential.to_text(self.printed(index=131_073)),
            *[credential.to_text(self.phone(shift)) for shift in (-3, -2, 0, 2, 3)],
            *[credential.to_text(bytes(flipped)) for flipped in flips],
            credential.to_text(self.phone()[:-1] + b"\x00"),
        ]  # fmt: skip


@pytest.fixture
def at_till(browser: Browser, live_server: Any) -> Any:
    page = browser.new_page()
    page.goto(f"{live_server.url}/till/")
    yield page
    page.context.close()


def judge(page: Page, world: World, texts: list[str], at: datetime, *, noble: bool = False) -> list[str]:
    found: list[str] = page.evaluate(
        f"""async ([keySet, list, root, texts, at, host, noble]) => {{
             const {{prepare}} = await import("{FOLDER}/ed25519.js");
             const {{openKeySet, openList, unb64}} = await import("{FOLDER}/signed-docs.js");
             const {{judge}} = await import("{FOLDER}/offline-code.js");
             await prepare("/static/npm/@noble/ed25519/index.js", noble);
             const keys = await openKeySet(keySet, unb64(root));
             const kept = await openList(list, keys);
             const found = [];
             for (const text of texts) found.push((await judge(text, {{keys, list: kept, at, slack: 2, host}})).verdict);
             return found; }}""",
        [
            world.key_set,
            world.list,
            b64(world.root.public_key().public_bytes_raw()),
            texts,
            at.timestamp() * 1000,
            HOST,
            noble,
        ],
    )
    return found


class TestAnOfflineVerdict:
    @pytest.mark.parametrize(
        ("at", "noble"),
        [
            (NOON, False),
            (NOON, True),
            (datetime(2026, 3, 3, 22, 59, 59, tzinfo=UTC), False),
            (datetime(2026, 3, 3, 23, 0, 0, tzinfo=UTC), False),
            (NOON + timedelta(hours=73), False),
            (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), False),
        ],
    )
    def test_is_the_servers(self, at_till, world, at, noble):
        """Case: S code accepted at 23:59:59 Paris, `expired` at 00:00:00; second spellings; every flipped bit; kids."""
        texts = world.texts()
        opened = read_list(world.list, public=world.keys[3].public)
        said = [
            credential.verify(text, keys=world.keys, at=at, revocations=opened, slack=2, host=HOST).verdict.value
            for text in texts
        ]
        assert judge(at_till, world, texts, at, noble=noble) == said
        assert at != NOON or {"valid", "forged", "revoked", "unknown_key", "wrong_slot", "malformed"} <= set(said)

    def test_takes_no_list_whose_signature_does_not_match(self, at_till, world):
        """Case: corrupted list signature → keep the previous list."""
        wrong = [
            {**world.list, "number": 6},
            {**world.list, "bitmap": world.list["bitmap"][:-4] + "AAAA"},
            {**world.list, "kid": 1},
            {**world.list, "signature": b64(bytes(64))},
        ]
        found = at_till.evaluate(
            f"""async ([keySet, lists, root]) => {{
                 const {{prepare}} = await import("{FOLDER}/ed25519.js");
                 const {{openKeySet, openList, unb64}} = await import("{FOLDER}/signed-docs.js");
                 await prepare("/static/npm/@noble/ed25519/index.js");
                 const keys = await openKeySet(keySet, unb64(root));
                 return Promise.all(lists.map(list => openList(list, keys).then(() => "taken", () => "refused"))); }}""",
            [world.key_set, wrong, b64(world.root.public_key().public_bytes_raw())],
        )
        assert found == ["refused"] * len(wrong)

    def test_follows_the_changes_of_a_list_as_the_server_does(self, at_till, world):
        """Case: daily delta; one that is broken, or made for another list, is refused."""
        draw = random.Random(26100)
        listed = draw.sample(range(131_072), 40)
        newer = write_list(listed, size=131_072, number=9, issued_at=NOON, kid=3, key=world.private[3])
        changes = write_changes(newer, base=world.list)
        broken = [
            {"base": 4},
            {"number": 10},
            {"flips": changes["flips"][:-4]},
            {"flips": "gA"},
            {"kid": 1},
            {"sha256": "0" * 64},
        ]
        broken += [
            {"size": 262_144},
            {"flips": "____fw"},
            {"signature": newer["signature"]},
            {"format": "erb-revocations-1"},
        ]
        found = at_till.evaluate(
            f"""async ([keySet, list, all, root]) => {{
                 const {{prepare}} = await import("{FOLDER}/ed25519.js");
                 const {{listed, openChanges, openKeySet, openList, unb64}} = await import("{FOLDER}/signed-docs.js");
                 await prepare("/static/npm/@noble/ed25519/index.js");
                 const keys = await openKeySet(keySet, unb64(root));
                 const base = await openList(list, keys);
                 const places = (opened) => [...Array(131072).keys()].filter(index => listed(opened, index));
                 return Promise.all(all.map(row => openChanges(row, base, keys).then(places, () => "refused"))); }}""",
            [
                world.key_set,
                world.list,
                [changes, *({**changes, **wrong} for wrong in broken)],
                b64(world.root.public_key().public_bytes_raw()),
            ],
        )
        assert found == [sorted(listed)] + ["refused"] * len(broken)


class Hours:
    """Terms of an offer, as pricing reads them."""

    def __init__(self, draw: random.Random) -> None:
        clock = ["00:00", "02:00", "08:00", "12:30", "19:00", "23:30", "24:00"]
        self.weekdays = draw.randint(1, 127)
        self.hours = [draw.sample(clock, 2) for _span in range(draw.randint(0, 3))]
        self.starts_on = date(2026, 3, draw.randint(1, 28))
        self.ends_on = draw.choice([None, self.starts_on + timedelta(days=draw.randint(0, 20))])
        first = self.starts_on + timedelta(days=draw.randint(0, 25))
        last = first + timedelta(days=draw.randint(0, 5))
        self.excluded = [[first.isoformat(), last.isoformat()]] if draw.random() < 0.5 else []

    def document(self) -> dict[str, Any]:
        return {
            "weekdays": self.weekdays, "hours": self.hours,
            "starts_on": self.starts_on.isoformat(), "ends_on": self.ends_on and self.ends_on.isoformat(),
            "excluded": self.excluded,
        }  # fmt: skip


class TestOfferHours:
    def test_are_those_of_the_server_also_on_the_nights_when_the_clock_changes(self, at_till):
        draw = random.Random(26100)
        cases = [
            (Hours(draw), datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=draw.randint(0, 60_000)))
            for _ in range(500)
        ]
        found = at_till.evaluate(
            f"""async rows => {{ const {{isOpen}} = await import("{FOLDER}/pricing.js");
                 return rows.map(([offer, at]) => isOpen(offer, at)); }}""",
            [[terms.document(), at.timestamp() * 1000] for terms, at in cases],
        )
        assert found == [is_open_at(terms, at.astimezone(credential.PARIS)) for terms, at in cases]


class TestAQueueEntry:
    def test_is_signed_as_the_server_checks_it_with_a_key_that_cannot_be_copied(self, at_till):
        found = at_till.evaluate(
            f"""async () => {{
                 const {{Queue}} = await import("{FOLDER}/offline-queue.js");
                 const {{all}} = await import("{FOLDER}/till-db.js");
                 const silent = async () => ({{ok: false, kind: "network"}});
                 const queue = new Queue({{send: silent, register: async () => false, now: () => Date.now()}});
                 await queue.open();
                 const entry = {{client_id: crypto.randomUUID(), code: "ERB1:É", amount: "4.90", offer: 3, list_number: null}};
                 await queue.add({{...entry, undone: false}}, {{title: "x"}});
                 const file = JSON.parse(await (await queue.file({{shop: "Vial"}})).text());
                 const kept = JSON.stringify(await all("queue"), (_, value) => value instanceof ArrayBuffer || ArrayBuffer.isView(value)
                     ? String.fromCharCode(...new Uint8Array(value.buffer ?? value)) : value);
                 const copied = await crypto.subtle.exportKey("jwk", queue.keys.sign.privateKey).then(() => true, () => false);
                 return {{file, kept, copied}}; }}"""
        )
        (entry,) = found["file"]["entries"]
        assert signed_by(entry, unb64(found["file"]["public_key"])) and entry["seq"] == 1
        assert not signed_by({**entry, "amount": "5.90"}, unb64(found["file"]["public_key"]))
        assert "ERB1" not in found["kept"] and not found["copied"]
        assert json.dumps(entry) and keyring.root_public()
