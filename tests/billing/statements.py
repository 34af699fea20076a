"""Bank statements as banks write them."""

from datetime import date

IBAN = "FR1420041010050500013M02606"


def entry(cents: int, *, name="", iban="", text="", reference="", bank_id="", day=date(2026, 3, 20), version=2) -> str:
    kind, other = ("CRDT", "Dbtr") if cents >= 0 else ("DBIT", "Cdtr")
    party = f"<Nm>{name}</Nm>" if version < 8 else f"<Pty><Nm>{name}</Nm></Pty>"
    status = "<Sts>BOOK</Sts>" if version < 8 else "<Sts><Cd>BOOK</Cd></Sts>"
    structured = f"<Strd><CdtrRefInf><Ref>{reference}</Ref></CdtrRefInf></Strd>" if reference else ""
    return f"""<Ntry><Amt Ccy="EUR">{abs(cents) // 100}.{abs(cents) % 100:02d}</Amt><CdtDbtInd>{kind}</CdtDbtInd>{status}
<BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt><AcctSvcrRef>{bank_id}</AcctSvcrRef><NtryDtls><TxDtls>
<Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs><RltdPties><{other}>{party}</{other}>
<{other}Acct><Id><IBAN>{iban}</IBAN></Id></{other}Acct></RltdPties>
<RmtInf>{f"<Ustrd>{text}</Ustrd>" if text else ""}{structured}</RmtInf></TxDtls></NtryDtls></Ntry>"""


def camt(*entries: str, total: int = 0, version: int = 2, name: str = "1", iban: str = IBAN, opening: int = 0) -> bytes:
    """A CAMT.053 of our account; `total` is what the entries add up to."""

    def balance(kind: str, cents: int) -> str:
        sign = "CRDT" if cents >= 0 else "DBIT"
        return (
            f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>"
            f'<Amt Ccy="EUR">{abs(cents) // 100}.{abs(cents) % 100:02d}</Amt><CdtDbtInd>{sign}</CdtDbtInd></Bal>'
        )

    space = f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version:02d}"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{space}"><BkToCstmrStmt><Stmt><Id>{name}</Id>'
        f"<Acct><Id><IBAN>{iban}</IBAN></Id></Acct>{balance('OPBD', opening)}{balance('CLBD', opening + total)}"
        f"{''.join(entries)}</Stmt></BkToCstmrStmt></Document>"
    ).encode()
