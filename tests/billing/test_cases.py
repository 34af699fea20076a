"""Where each promise of money.md, and each money case of buying_centre.md, is a test: none may lose its test unseen.

Where the design gives numbers, the test must hold the same ones: they are looked for in its source.
"""

import ast
from pathlib import Path

HERE = Path(__file__).parent.parent
B, P = "billing", "purchasing"
# promise of the design, file, test
PROMISES = [
    # Three legal models
    ("Resale: VAT on each member's own base.", f"{B}/test_invoices.py", "test_computes_vat_once_on_the_base_of_each_rate"),
    ("Agent: shares of the supplier's VAT.", f"{B}/test_invoices.py", "test_keeps_shares_of_a_suppliers_vat_as_given"),
    ("Shares to the cent in every model.", f"{P}/rules/test_shares.py", "test_is_shared_to_the_cent"),
    ("125.73, refused.", f"{P}/test_settlement.py", "test_three_cents_higher_and_refused_leaves_the_companies_at_what_was_expected"),
    # Ledger
    ("Entries sum to zero, by trigger.", f"{B}/test_ledger.py", "test_is_refused_when_the_sides_do_not_sum_to_zero"),
    ("Never updated or deleted.", f"{B}/test_ledger.py", "test_stays_as_written_even_for_sql"),
    ("Nor emptied.", f"{B}/test_ledger.py", "test_is_not_emptied_either_nor_is_anything_else_that_nobody_may_delete"),
    ("A mistake is reversed.", f"{B}/test_ledger.py", "test_is_put_right_by_a_reversal_once"),
    ("The check reports any difference.", f"{B}/test_ledger.py", "test_names_the_first_break"),
    ("The nightly check.", f"{B}/test_books.py", "test_keeps_what_it_found"),
    ("FEC, read strictly.", f"{B}/test_books.py", "test_is_accepted_by_a_strict_reader_and_holds_every_entry"),
    ("A month that closes.", f"{B}/test_books.py", "test_locks_it_in_words_and_in_the_database"),
    # Invoices and credit notes
    ("Unbroken with 16 threads and failures.", f"{B}/test_numbering.py", "test_are_unbroken_under_16_threads_that_fail_at_random"),
    ("Issued is immutable.", f"{B}/test_invoices.py", "test_cannot_be_changed_even_by_sql"),
    ("Credits never exceed the line.", f"{B}/test_ledger.py", "test_takes_back_a_line_with_its_vat_and_never_more"),
    ("Every mention, mailed once.", f"{B}/test_invoices.py", "test_makes_the_file_with_every_mention_and_mails_it_once_to_each_accountant"),
    ("XSD, EN 16931 and BR-FR.", f"{B}/test_facturx.py", "test_keeps_every_rule"),
    ("The rules really run.", f"{B}/test_facturx.py", "test_is_found_out"),
    ("PDF/A-3 with the XML inside.", f"{B}/test_facturx.py", "test_is_an_archive_with_the_structured_invoice_inside"),
    ("French and English.", f"{B}/test_facturx.py", "test_speaks_the_language_of_the_accountants"),
    ("Received invoices are read.", f"{B}/test_received.py", "test_takes_what_factur_x_says_out_of_our_own_file"),
    ("CII and UBL.", f"{B}/test_received.py", "test_takes_cii_and_ubl_alike"),
    ("Tolerance.", f"{B}/test_received.py", "test_tolerates_the_smaller_of_five_euros_and_one_percent_where_so_set"),
    ("Refusal with a reason.", f"{B}/test_received.py", "test_refuses_with_a_reason_only"),
    # E-invoicing
    ("Switch date of each company.", f"{B}/test_channel.py", "test_goes_to_the_platform_from_the_day_of_its_company_on"),
    ("Platform: once, followed, 212.", f"{B}/test_channel.py", "test_is_sent_once_followed_and_told_as_collected"),
    ("212: each payment, and back.", f"{B}/test_channel.py", "test_tells_each_payment_and_each_that_is_taken_back_once"),
    ("Folder.", f"{B}/test_channel.py", "test_writes_out_and_takes_in"),
    ("Mailbox.", f"{B}/test_channel.py", "test_mails_out_and_reads_attachments"),
    ("The directory is asked before.", f"{B}/test_ereporting.py", "test_is_asked_before_sending_and_kept_with_its_age"),
    ("In no directory.", f"{B}/test_ereporting.py", "test_holds_back_what_nobody_receives_in_words_and_lets_the_others_go"),
    ("E-reporting: sales.", f"{B}/test_ereporting.py", "test_tells_private_sales_by_day_and_sales_abroad_one_by_one"),
    ("E-reporting: payments.", f"{B}/test_ereporting.py", "test_tells_payments_of_services_abroad_without_the_option_for_debits"),
    ("E-reporting: once, judged.", f"{B}/test_ereporting.py", "test_is_sent_once_judged_and_waits_while_the_platform_is_down"),
    ("386: VAT as it is paid.", f"{B}/test_documents.py", "test_is_no_sale_and_its_vat_is_due_only_as_it_is_paid"),
    ("386: deducted once.", f"{B}/test_documents.py", "test_is_deducted_once_by_the_final_invoice_of_its_order"),
    ("386: too large.", f"{B}/test_documents.py", "test_larger_than_the_final_invoice_goes_back_to_the_cent"),
    ("386: any sums.", f"{B}/test_documents.py", "test_goes_into_the_final_invoice_as_far_as_it_asks_and_the_rest_is_kept"),
    ("384: only the difference.", f"{B}/test_documents.py", "test_replaces_the_invoice_and_books_only_the_difference"),
    ("389: only with a mandate.", f"{B}/test_self_billing.py", "test_is_asked_before_anything_is_written_and_ends_it"),
    ("60 days, or 45 and the month.", f"{B}/test_documents.py", "test_are_at_most_60_days_or_45_to_the_end_of_the_month"),
    ("No money for suppliers.", f"{B}/test_documents.py", "test_in_listing_is_paid_its_fee_and_never_the_suppliers_goods"),
    ("386: of its company and order.", f"{B}/test_guards.py", "test_is_deducted_by_an_own_invoice_of_its_company_and_order_alone"),
    ("386: deducted, its VAT is due.", f"{B}/test_guards.py", "test_that_was_deducted_owes_its_vat_whatever_becomes_of_its_payment"),
    ("389: each refusal.", f"{B}/test_guards.py", "test_writes_nothing_that_is_not_for_the_staff_lawful_and_of_something"),
    ("384: paid late.", f"{B}/test_guards.py", "test_that_is_paid_too_late_pays_the_new_one_as_far_as_it_asks"),
    ("Locks of documents.", f"{B}/test_locks.py", "test_is_written_by_who_holds_its_counter_and_what_it_changes"),
    ("Locks of kept money.", f"{B}/test_locks.py", "test_is_used_by_who_holds_the_company"),
    ("No money for suppliers, unnamed.", f"{B}/test_guards.py", "test_and_what_arrives_unnamed_never_pay_a_supplier"),
    # Payments
    ("Mandate with its evidence.", f"{B}/test_debits.py", "test_keeps_the_evidence_of_the_signature_and_not_the_iban"),
    ("Any SEPA country.", f"{B}/test_debits.py", "test_takes_an_account_of_any_sepa_country"),
    ("36 months unused.", f"{B}/test_debits.py", "test_lapses_after_36_months_without_use"),
    ("Announced, sent, paid.", f"{B}/test_debits.py", "test_is_announced_then_sent_then_paid"),
    ("TARGET2 days.", f"{B}/test_debits.py", "test_is_never_sent_while_the_banks_rest"),
    ("10,000 € a debit.", f"{B}/test_debits.py", "test_above_10_000_euros_is_not_planned"),
    ("Tried again by policy.", f"{B}/test_debits.py", "test_that_failed_for_want_of_money_is_tried_again_as_often_as_the_policy_says"),
    ("Paid 2 March, disputed 20 April.", f"{B}/test_debits.py", "test_paid_on_2_march_and_disputed_on_20_april_reopens_only_that_invoice"),
    ("The other shares do not move.", f"{P}/test_acceptance.py", "test_touches_neither_the_supplier_nor_the_other_companies"),
    ("Twice, late, out of order.", f"{B}/test_payments.py", "test_twice_late_and_in_any_order_give_one_result"),
    ("Unknown events: 200.", f"{B}/test_payments.py", "test_unknown_to_us_are_kept_and_answered_200"),
    ("The sweeper.", f"{B}/test_payments.py", "test_that_never_came_are_made_up_for_by_the_sweeper"),
    ("Live keys refused.", f"{B}/test_payments.py", "test_refuses_a_live_key_while_debug_is_on"),
    ("56 days, then final.", f"{B}/test_ledger.py", "test_closes_after_56_days"),
    ("Refunds once.", f"{B}/test_payments.py", "test_sends_back_a_part_once_and_what_no_credit_note_covers_is_owed"),
    ("A refund that bounces.", f"{B}/test_deposits.py", "test_that_the_payers_bank_returns_days_later_is_kept_again"),
    ("Deposits used.", f"{B}/test_deposits.py", "test_is_used_for_chosen_invoices_and_never_twice"),
    ("Deposits over REST.", f"{B}/test_accounts_api.py", "test_uses_kept_money_once_and_keeps_what_was_paid_too_much"),
    ("Deposits sent back.", f"{B}/test_deposits.py", "test_returns_to_the_card_it_came_from_once_and_touches_no_invoice"),
    ("Deposits back by bank.", f"{B}/test_deposits.py", "test_leaves_by_transfer_and_the_statement_finds_it_by_reference"),
    ("Claims answered.", f"{B}/test_claims.py", "test_takes_words_proof_and_invoice_to_the_bank_once"),
    ("Pay by link.", f"{B}/test_collection.py", "test_shows_one_invoice_to_whoever_holds_it_and_nothing_to_others"),
    ("Employee pool, subsidy, half back.", f"{B}/test_personal.py", "test_of_half_goes_back_in_proportion"),
    ("Authorise, capture.", f"{B}/test_personal.py", "test_takes_what_was_reserved_once"),
    ("Release.", f"{B}/test_personal.py", "test_gives_back_what_was_reserved_and_closes_an_open_page"),
    # Bank
    ("CAMT.053.", f"{B}/test_bank.py", "test_takes_every_fact_of_a_camt_file"),
    ("CSV.", f"{B}/test_bank.py", "test_takes_french_csv_with_debit_and_credit"),
    ("Structured reference.", f"{B}/test_bank.py", "test_by_structured_reference"),
    ("Account and amount.", f"{B}/test_bank.py", "test_by_account_and_amount_once_the_account_is_known"),
    ("The rest to a person.", f"{B}/test_bank.py", "test_leaves_to_a_person_what_is_not_certain"),
    ("Matching twice is impossible.", f"{B}/test_bank.py", "test_match_it_once"),
    ("Undo is a reversal.", f"{B}/test_bank.py", "test_is_a_reversal_and_the_line_can_be_matched_again"),
    ("500.00 on 320.10 and 400.00.", f"{B}/test_bank.py", "test_case_500_on_two_invoices_fills_the_older_one_first"),
    ("The same by hand.", f"{B}/test_collection.py", "test_fills_the_oldest_first"),
    # Reminders, instalments, dues
    ("Three levels.", f"{B}/test_collection.py", "test_goes_out_in_three_levels_each_once_and_the_last_proposes_suspension"),
    ("Not at night, not on holidays.", f"{B}/test_collection.py", "test_never_goes_out_at_night_on_holidays_or_week_ends"),
    ("Texts configurable.", f"{B}/test_collection.py", "test_says_what_the_staff_wrote"),
    ("Instalments on consent.", f"{B}/test_collection.py", "test_need_a_mandate_and_the_accountants_consent"),
    ("Written off by two.", f"{B}/test_collection.py", "test_by_one_person_is_refused_by_the_database"),
    ("C5: brackets.", f"{B}/test_dues.py", "test_follow_the_brackets"),
    ("C5: proration.", f"{B}/test_dues.py", "test_of_joiners_are_for_the_months_left_with_the_month_of_joining"),
    ("C5: dry run and undo.", f"{B}/test_dues.py", "test_are_only_calculated_at_first_and_can_be_undone"),
    ("One draft of two people.", f"{B}/test_storms.py", "test_the_years_dues"),
    ("Storms: a statement, a line.", f"{B}/test_storms.py", "test_a_statement_and_on_a_line_of_it"),
    ("Storms: month close and issue.", f"{B}/test_storms.py", "test_the_close_of_a_month_and_what_is_still_issued_into_it"),
    ("Storms: a refund.", f"{B}/test_storms.py", "test_a_refund"),
    ("Storms: a debt given up.", f"{B}/test_storms.py", "test_a_debt_that_is_given_up"),
    ("Storms: instalments.", f"{B}/test_storms.py", "test_a_plan_in_parts"),
    ("Storms: reminders.", f"{B}/test_storms.py", "test_the_run_of_reminders"),
    ("Storms: a deposit.", f"{B}/test_storms.py", "test_a_deposit"),
    # The issue's own
    ("Any sequence keeps the books.", f"{B}/test_sequences.py", "test_leaves_books_that_balance_and_numbers_without_a_gap"),
    ("A flood ends as the orderly run.", f"{B}/test_flood.py", "test_of_events_twice_and_shuffled_ends_where_the_orderly_run_ends"),
    ("Killing the worker doubles no debit.", "journeys/test_killed_while_collecting.py", "test_doubles_none_and_leaves_none_behind"),
    ("Killing the web books once.", "journeys/test_killed_while_collecting.py", "test_books_each_debit_once"),
    ("Killed at every step: a debit.", f"{B}/test_killed_anywhere.py", "test_of_a_debit_sends_one"),
    ("Killed at every step: a refund.", f"{B}/test_killed_anywhere.py", "test_of_a_refund_sends_one"),
    ("Killed at every step: a deposit.", f"{B}/test_killed_anywhere.py", "test_of_a_deposit_that_goes_back_sends_one"),
    ("Killed: employees pay.", f"{B}/test_killed_documents.py", "test_is_taken_and_refunded_once"),
    ("Killed: reserved, released.", f"{B}/test_killed_documents.py", "test_is_reserved_and_given_back_once"),
    ("Killed: an advance.", f"{B}/test_killed_documents.py", "test_an_advance_is_asked_once"),
    ("Killed: a final invoice.", f"{B}/test_killed_documents.py", "test_a_final_invoice_deducts_credits_and_keeps_once"),
    ("Killed: a corrective.", f"{B}/test_killed_documents.py", "test_a_corrective_invoice_replaces_once"),
    ("Killed: self-billing.", f"{B}/test_killed_documents.py", "test_a_document_in_a_sellers_name_is_written_once"),
    ("Killed: a status 212.", f"{B}/test_killed_documents.py", "test_is_told_each_payment_once"),
    ("Killed: an e-report.", f"{B}/test_killed_documents.py", "test_gets_each_report_once"),
    ("Nobody drips.", "companies/test_deadlines.py", "test_is_given_up_by_the_platform_its_directory_and_its_files"),
    ("Nonsense in forms.", "test_access.py", "test_is_refused_by_every_form_of_money"),
    ("A key Stripe forgot.", f"{B}/test_killed_anywhere.py", "test_is_looked_for_before_it_is_sent_again"),
    ("The browser journey.", "journeys/test_collection.py", "test_goes_from_a_mandate_to_a_claim"),
]  # fmt: skip
# sentence of the design with its numbers, file, test (or a function whose examples are run), what stands there
NUMBERS = [
    ("125.70 € → 38.41+24.44+48.88+13.97; freight 19.90 by value → 6.08+3.87+7.74+2.21", f"{P}/rules/test_shares.py",
     "test_splits_goods_freight_and_vat", "[3_841, 2_444, 4_888, 1_397]", "[608, 387, 774, 221]"),
    ("net 44.49+28.31+56.62+16.18=145.60; VAT 20 % 8.90+5.66+11.32+3.24=29.12", f"{P}/rules/test_shares.py",
     "test_splits_goods_freight_and_vat", "[4_449, 2_831, 5_662, 1_618]", "[890, 566, 1_132, 324]", "(14_560, 2_912)"),
    ("The same through the settlement.", f"{P}/test_settlement.py",
     "test_as_expected_is_matched_and_shared_as_in_the_worked_example", "14_560", "[4_449, 2_831, 5_662, 1_618]"),
    ("50.00 € over 3; 100.00 over 7; 0.01 over 4; 0.02 over 3", f"{P}/rules/test_shares.py",
     "test_gives_the_left_over_cents_to_the_earliest", "(5_000, 3, [1_667, 1_667, 1_666])",
     "(10_000, 7, [1_429] * 4 + [1_428] * 3)", "(1, 4, [1, 0, 0, 0])", "(2, 3, [1, 1, 0])"),
    ("9,999.99 € over 4,000 employees → 3,999 × 2.50 + 1 × 2.49; stable if rows are shuffled",
     f"{P}/rules/test_shares.py", "test_of_9_999_99_over_4_000_employees_is_exact", "999_999", "[250] * 3_999 + [249]",
     "paid[0] == paid[1]"),
    ("Freight 10.00 € on goods 60.00 at 5.5 % and 40.00 at 20 % → 6.00 and 4.00", f"{P}/rules/test_shares.py",
     "test_follows_freight_to_each_rate", "6_000", "4_000", "1_000", "{550: 6_600, 2000: 4_400}"),
    ("… each with its rate, through the settlement.", f"{P}/test_acceptance.py", "test_without_a_rate_follows_the_goods",
     "[(550, 600), (2000, 400)]", "(550, 600, 33), (2000, 400, 80)"),
    ("Four × 12.33 € at 5.5 %: 2.72 against 2.71", f"{P}/rules/test_shares.py",
     "test_of_four_times_12_33_at_5_5_percent_rounds_per_invoice_in_resale", "4_932", "(272, 1)", "(271, 0)"),
    ("… the difference goes to a named rounding account (I4).", f"{P}/test_spending.py",
     "test_of_resale_hold_the_purchase_and_the_rounding", "(272, 271)", "AccountKind.ROUNDING) == -1"),
    ("… rounded once per rate of one invoice.", f"{B}/test_invoices.py", "test_computes_vat_once_on_the_base_of_each_rate",
     "line(1_233, 550)] * 4", "(4_932, 271)"),
    ("125.73 instead of 125.70: if accepted 38.42, 24.45, 48.89, 13.97", f"{P}/test_acceptance.py",
     "test_is_an_alert_and_shared_as_accepted", "12_573", "[3_842, 2_445, 4_889, 1_397]"),
    ("if refused, claim open and members keep 125.70", f"{P}/test_settlement.py",
     "test_three_cents_higher_and_refused_leaves_the_companies_at_what_was_expected", "12_573",
     "[3_841, 2_444, 4_888, 1_397]", '("open", "price", 3, b.invoice)'),
    ("after a refused line drops the total to 480 the supplier's real freight is split", f"{P}/test_acceptance.py",
     "test_is_the_suppliers_real_one_once_a_refused_line_breaks_the_franco", "(50_000, 0)", "48_000", "3_500",
     "[2_115, 1_385]"),
    ("Paid 1,200.00 by SEPA on 2 March, disputed on 20 April (49 days)", f"{B}/test_debits.py",
     "test_paid_on_2_march_and_disputed_on_20_april_reopens_only_that_invoice", "MONDAY", "2026, 4, 20",
     '("charged_back", 120_000)', '("paid", 0)'),
    ("Partial payment 500.00 on 320.10 (older) and 400.00 → 320.10 + 179.90; left 220.10", f"{B}/test_bank.py",
     "test_case_500_on_two_invoices_fills_the_older_one_first", "50_000", "32_010", "40_000", "(0, 22_010)"),
    ("subsidy 10 % capped 15.00 on 180.00 → 15.00", "../purchasing/rules/subsidy.py", "subsidy",
     ">>> subsidy(18000, 10, 1500)", "1500"),
    ("refund of half → 90.00 with 7.50 back to the company, 82.50 to the person", f"{B}/test_personal.py",
     "test_of_half_goes_back_in_proportion", "cents=9_000", "(750, 8_250"),
    ("Import of the same CSV twice: one effect.", f"{B}/test_bank.py",
     "test_of_the_same_file_or_line_twice_is_impossible", "StatementKnown"),
    ("until the 56-day window ends, then final", f"{B}/test_ledger.py", "test_closes_after_56_days", "days=56)) == 0",
     "days=56, seconds=1)) == 1", '"final"'),
    ("10,000 € a debit", f"{B}/test_debits.py", "test_above_10_000_euros_is_not_planned", "833_334", "833_333"),
    ("card or SEPA on session; no surcharge for card payment; key invoice-<id>-<attempt>; never inside a transaction",
     f"{B}/test_guards.py", "test_asks_for_what_is_owed_by_whatever_means_under_the_key_of_its_attempt", "833_333",
     "833_334", "row.gross_cents", 'f"invoice-{row.pk}-1"', "TransactionManagementError"),
    ("Mandate lapses after 36 months unused.", f"{B}/test_debits.py", "test_lapses_after_36_months_without_use",
     '("2023-03-15T12:00", "2026-03-15T23:30")'),
    ("Collections on TARGET2 days.", f"{B}/test_debits.py", "test_is_never_sent_while_the_banks_rest", '"2026-04-07"',
     "(3, 4, 5, 6)"),
    ("late-payment rate (≥ 3× legal rate), 40 € recovery indemnity", f"{B}/test_invoices.py",
     "test_makes_the_file_with_every_mention_and_mails_it_once_to_each_accountant", '"40,00 €"', '"3 fois le taux"'),
    ("scheme 0225; notes PMT/PMD/AAB; BT-30 SIREN; option for debits", f"{B}/test_facturx.py",
     "test_names_both_parties_the_order_and_the_terms", '"PMD", "PMT", "AAB"', "0225", "après les débits"),
    ("Terms ≤ 60 days or 45 days end of month", f"{B}/test_guards.py",
     "test_end_on_the_latest_of_the_three_days_the_law_knows", "date(2026, 5, 15)", "date(2026, 3, 31)",
     "date(2026, 4, 1)"),
    ("16 threads issuing with random failures leave no gap", f"{B}/test_numbering.py",
     "test_are_unbroken_under_16_threads_that_fail_at_random", "ThreadPoolExecutor(16)", ":05d"),
    ("FEC: 18 tab-separated columns", f"{B}/test_books.py", "test_with_a_fault_is_refused_by_the_reader", "18 columns"),
]  # fmt: skip
STEPS = [
    *("issue", "issue_and_stumble", "try_to_pay", "stripe_decides", "payer_claims", "staff_refunds", "news_arrive"),
    *("old_news_arrive", "credit", "receive", "import_bank_line", "undo_bank_line", "use_what_was_kept", "give_up"),
    *("deposit_arrives", "what_was_paid_too_much_is_kept", "deposit_is_used_from_two_tabs", "deposit_is_asked_back"),
    *("bank_shows_the_transfer_back", "transfer_back_is_given_up", "payers_bank_returns_a_refund"),
]


def source(path, name):
    """A function of a file as it is written, its decorators with it."""
    text = path.read_text()
    (found,) = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef) and node.name == name]
    first = min([found.lineno, *(one.lineno for one in found.decorator_list)])
    return "\n".join(text.splitlines()[first - 1 : found.end_lineno])


class TestEveryPromise:
    def test_is_a_test(self):
        assert [row for row in PROMISES if f"def {row[2]}(" not in (HERE / row[1]).read_text()] == []

    def test_with_numbers_holds_those_of_the_design(self):
        lost = {}
        for sentence, file, name, *wanted in NUMBERS:
            text = source(HERE / file, name)
            if missing := [words for words in wanted if words not in text]:
                lost[sentence] = missing
        assert lost == {}

    def test_of_the_machine_is_a_step_of_it(self):
        """Issue 5: issue, pay, partly pay, fail, refund, charge back, credit, import bank lines, replay webhooks."""
        text = (HERE / B / "test_sequences.py").read_text()
        assert [step for step in STEPS if f"def {step}(" not in text] == []
