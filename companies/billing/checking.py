"""Are the books intact? Recomputes everything from its rows and names the first break."""

from collections.abc import Callable, Iterator

from django.db import connection

CHECKS: list[tuple[str, str]] = [
    (
        "ledger transaction {0} mixes {1} cents of suppliers with the association's books",
        "SELECT t.key, sum(e.cents) FROM billing_ledgerentry e JOIN billing_account a ON a.id = e.account_id AND a.kind IN "
        "('suppliers_claim', 'suppliers_own') JOIN billing_ledgertransaction t ON t.id = e.transaction_id GROUP BY t.id "
        "HAVING sum(e.cents) <> 0 ORDER BY t.id LIMIT 1",
    ),
    (
        "the claim of invoice {0} stands on the account {1}",
        "SELECT i.number, a.kind FROM billing_ledgerentry e JOIN billing_account a ON a.id = e.account_id "
        "JOIN billing_invoice i ON i.id = e.invoice_id WHERE (i.billing_mandate_id IS NULL) <> (a.kind = 'receivable') "
        "ORDER BY e.id LIMIT 1",
    ),
    (
        "ledger transaction {0} does not sum to zero ({1} cents over {2} entries)",
        "SELECT t.key, coalesce(sum(e.cents), 0), count(e.id) FROM billing_ledgertransaction t "
        "LEFT JOIN billing_ledgerentry e ON e.transaction_id = t.id GROUP BY t.id "
        "HAVING coalesce(sum(e.cents), 0) <> 0 OR count(e.id) < 2 ORDER BY t.id LIMIT 1",
    ),
    (
        "series {0}-{1} has {2} numbers but its counter says {3}",
        "SELECT c.series, c.year, coalesce(n.given, 0), c.last FROM billing_numbercounter c LEFT JOIN ("
        "SELECT split_part(number, '-', 1) AS series, split_part(number, '-', 2)::int AS year, count(*) AS given, "
        "max(split_part(number, '-', 3)::int) AS highest FROM (SELECT number FROM billing_invoice UNION ALL "
        "SELECT number FROM billing_creditnote UNION ALL SELECT number FROM billing_selfbilled) numbers GROUP BY 1, 2) n "
        "ON n.series = c.series AND n.year = c.year "
        # upper rooms number documents of their own
        "WHERE (c.series IN ('ERB', 'AV') OR c.series LIKE 'AF_________' OR c.series LIKE 'FM_________') AND "
        "(coalesce(n.given, 0) <> c.last OR coalesce(n.highest, 0) <> c.last) ORDER BY 1, 2 LIMIT 1",
    ),
    (
        "invoice {0} says net {1} and VAT {2}, its rows say {3} and {4}",
        "SELECT i.number, i.net_cents, i.vat_cents, l.net, v.vat FROM billing_invoice i "
        "LEFT JOIN (SELECT invoice_id, sum(net_cents) AS net FROM billing_invoiceline GROUP BY 1) l "
        "ON l.invoice_id = i.id LEFT JOIN (SELECT invoice_id, sum(vat_cents) AS vat, sum(base_cents) AS base "
        "FROM billing_invoicevat GROUP BY 1) v ON v.invoice_id = i.id "
        "WHERE l.net IS DISTINCT FROM i.net_cents OR v.vat IS DISTINCT FROM i.vat_cents "
        "OR v.base IS DISTINCT FROM i.net_cents ORDER BY i.id LIMIT 1",
    ),
    (
        "invoice {0} says {1} cents are owed, the books say {2}",
        "SELECT i.number, i.balance_cents, coalesce(e.sum, 0) FROM billing_invoice i LEFT JOIN ("
        "SELECT e.invoice_id, sum(e.cents) AS sum FROM billing_ledgerentry e JOIN billing_account a "
        "ON a.id = e.account_id AND a.kind IN ('receivable', 'suppliers_claim') GROUP BY 1) e ON e.invoice_id = i.id "
        "WHERE coalesce(e.sum, 0) <> i.balance_cents ORDER BY i.id LIMIT 1",
    ),
    (
        "invoice {0} is {1} but {2} cents are owed",
        "SELECT number, state, balance_cents FROM billing_invoice WHERE (state IN ('paid', 'final', 'credited') "
        "AND balance_cents > 0) OR (state IN ('issued', 'due', 'failed', 'charged_back', 'part_paid') "
        "AND balance_cents <= 0) ORDER BY id LIMIT 1",
    ),
    (
        "invoice {0} is not posted with its gross of {1} cents",
        "SELECT i.number, i.gross_cents - i.prepaid_cents FROM billing_invoice i LEFT JOIN billing_ledgertransaction t "
        "ON t.key = 'invoice-' || i.id LEFT JOIN billing_ledgerentry e ON e.transaction_id = t.id "
        "AND e.invoice_id = i.id WHERE t.id IS NULL OR coalesce(e.cents, 0) <> i.gross_cents - i.prepaid_cents "
        "ORDER BY i.id LIMIT 1",
    ),
    (
        "payment {0} of invoice {1} arrived but is not in the books",
        "SELECT p.id, i.number FROM billing_payment p JOIN billing_invoice i ON i.id = p.invoice_id "
        "LEFT JOIN billing_ledgertransaction t ON t.key = 'payment-' || p.id "
        "WHERE p.state IN ('succeeded', 'charged_back') AND t.id IS NULL ORDER BY p.id LIMIT 1",
    ),
    (
        "company {0} used {1} cents more than was kept for it",
        "SELECT a.company_id, sum(e.cents) FROM billing_ledgerentry e JOIN billing_account a ON a.id = e.account_id "
        "AND a.kind = 'deposits' GROUP BY 1 HAVING sum(e.cents) > 0 ORDER BY 1 LIMIT 1",
    ),
    (
        "company {0} has {1} cents on their way back, the books say {2}",
        "SELECT b.company_id, coalesce(r.cents, 0), b.cents FROM (SELECT a.company_id, -sum(e.cents) AS cents "
        "FROM billing_ledgerentry e JOIN billing_account a ON a.id = e.account_id AND a.kind = 'refunds' GROUP BY 1) b "
        "LEFT JOIN (SELECT company_id, sum(cents) AS cents FROM billing_depositrefund WHERE state = 'asked' GROUP BY 1) "
        "r ON r.company_id = b.company_id WHERE coalesce(r.cents, 0) <> b.cents ORDER BY 1 LIMIT 1",
    ),
    (
        "invoice {0} deducts {1} cents, its advance invoices come to {2}",
        "SELECT i.number, i.prepaid_cents, coalesce(d.cents, 0) FROM billing_invoice i LEFT JOIN (SELECT invoice_id, "
        "sum(gross_cents) AS cents FROM billing_advancededuction GROUP BY 1) d ON d.invoice_id = i.id "
        "WHERE i.prepaid_cents <> coalesce(d.cents, 0) ORDER BY i.id LIMIT 1",
    ),
    (
        "company {0} has {1} cents of advances invoiced, the books say {2}",
        # every advance not deducted yet, less what credit notes took back
        "SELECT a.company_id, coalesce(o.cents, 0), b.cents FROM (SELECT a.company_id, -sum(e.cents) AS cents FROM "
        "billing_ledgerentry e JOIN billing_account a ON a.id = e.account_id AND a.kind = 'advances' GROUP BY 1) b "
        "JOIN billing_account a ON a.kind = 'advances' AND a.company_id = b.company_id LEFT JOIN (SELECT i.company_id, "
        "sum(i.net_cents - coalesce(c.cents, 0)) AS cents FROM billing_invoice i LEFT JOIN (SELECT invoice_id, "
        "sum(net_cents) AS cents FROM billing_creditnote GROUP BY 1) c ON c.invoice_id = i.id LEFT JOIN "
        "billing_advancededuction d ON d.advance_id = i.id WHERE i.type_code = '386' AND d.id IS NULL GROUP BY 1) o "
        "ON o.company_id = b.company_id WHERE coalesce(o.cents, 0) <> b.cents ORDER BY 1 LIMIT 1",
    ),
    (
        "credit notes of line {0} come to {1} of {2} cents",
        "SELECT l.id, sum(c.net_cents), l.net_cents FROM billing_creditnoteline c JOIN billing_invoiceline l "
        "ON l.id = c.line_id GROUP BY l.id HAVING abs(sum(c.net_cents)) > abs(l.net_cents) ORDER BY l.id LIMIT 1",
    ),
]


def first_break() -> str:
    """The first thing that is wrong with the books, in words; empty when they are intact."""
    with connection.cursor() as cursor:
        for sentence, query in CHECKS:
            cursor.execute(query)
            if row := cursor.fetchone():
                return sentence.format(*row)
    return ""


def counts() -> Iterator[tuple[str, int]]:
    """How much was checked."""
    tables = ("invoice", "creditnote", "payment", "ledgertransaction", "ledgerentry")
    run: Callable[[str], str] = "SELECT count(*) FROM billing_{}".format
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(run(table))
            yield table, int(cursor.fetchone()[0])
