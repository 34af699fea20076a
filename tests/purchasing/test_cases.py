"""Where each acceptance case and each invariant of the design is a test: none may lose its test unseen.

A case has a row for the rule and, where rows or states are moved, one for the services.
"""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# case of the design, file, test
CASES = [
    (
        "A10+2 B7 C12+5 D4+1 → order 36; A11 B7 C14 D4.",
        "rules/test_tiers.py",
        "test_fills_the_pack_of_twelve_from_tolerance",
    ),
    ("FIFO option → 12, 7, 13, 4.", "rules/test_tiers.py", "test_fills_first_come_first_served_when_asked"),
    (
        "Q=33, T=2 → order 24 by policy round down; 10, 7, 12, 4 → 7, 5, 9, 3.",
        "rules/test_tiers.py",
        "test_rounds_down_when_tolerance_misses_the_pack",
    ),
    ("Q=0, T=40 → nothing ordered.", "rules/test_tiers.py", "test_buys_no_pack_from_tolerance_alone"),
    ("Q=24, T=5 → 24, tolerance unused.", "rules/test_tiers.py", "test_leaves_tolerance_alone_when_packs_are_full"),
    (
        "Pack 5, MOQ 2 packs, Q=5 → 0; Q=9, T=1 → 10; Q=12, T=1 → 10; Q=14, T=1 → 15.",
        "rules/test_tiers.py",
        "test_respects_packs_of_five",
    ),
    (
        "Q=10, T=240 (tier consent) → 10 units at 4.20 = 42.00 €.",
        "rules/test_tiers.py",
        "test_does_not_spend_240_to_save_nothing",
    ),
    ("Cap equal to the price (3.15) stays in.", "rules/test_tiers.py", "test_equal_to_the_price_stays_in"),
    ("cap 3.1499 goes out.", "rules/test_tiers.py", "test_a_ten_thousandth_below_goes_out_and_is_told"),
    ("Hint on for 86-99, 219-249, 469-499.", "rules/test_tiers.py", "test_is_on_where_more_costs_less"),
    ("Hint off for 85, 218, 468.", "rules/test_tiers.py", "test_is_off_elsewhere"),
    (
        "99 → 4.20 (415.80 €) and the buy-up hint says 100 costs 360.00.",
        "rules/test_tiers.py",
        "test_says_that_100_cost_360_instead_of_415_80",
    ),
    ("Exactly 100 → 3.60 (inclusive).", "rules/test_tiers.py", "test_exact_threshold_has_the_better_price"),
    ("30 of 36 received → 9, 6, 12, 3.", "rules/test_shortage.py", "test_of_30_of_36_gives_9_6_12_3"),
    ("30 of 36 received, FIFO 11, 7, 12, 0.", "rules/test_shortage.py", "test_of_30_of_36_first_come_gives_11_7_12_0"),
    ("35 → 11, 7, 13, 4.", "rules/test_shortage.py", "test_of_35_gives_11_7_13_4"),
    ("1 → C gets it.", "rules/test_shortage.py", "test_of_one_unit_gives_it_to_the_largest"),
    ("0 → all 0.", "rules/test_shortage.py", "test_of_nothing_gives_nothing"),
    (
        "Weights 6, 6, 2: 10 → 5, 4, 1; 11 → 5, 5, 1; 12 → 5, 5, 2.",
        "rules/test_shortage.py",
        "test_of_weights_6_6_2_is_monotone",
    ),
    (
        "10, 10, 10 with 20 received, the third min_useful=10 → 10, 10, 0.",
        "rules/test_shortage.py",
        "test_keeps_a_useful_minimum_whole",
    ),
    ("10, 10, 10 with 20 received → 7, 7, 6.", "rules/test_shortage.py", "test_without_a_useful_minimum_gives_7_7_6"),
    (
        "Weighed goods 24.180 of 25.000 kg → 12.090, 7.012, 5.078.",
        "rules/test_shortage.py",
        "test_of_weighed_goods_goes_to_the_gram",
    ),
    (
        'Franco 500 €: pool 495 + freight 35 → hint "5 € more saves 35 €".',
        "rules/test_landed_and_hints.py",
        "test_hints_that_five_euros_more_save_35",
    ),
    ("at 500.00 freight 0 for all.", "rules/test_landed_and_hints.py", "test_is_reached_inclusively"),
    (
        "Two members only in a pool → progress shown as a band (60-80 %).",
        "rules/test_landed_and_hints.py",
        "test_of_two_members_is_a_band",
    ),
    (
        "30 at 3.70 instead of 36 at 3.60: +2.78 % is above a 2 % limit.",
        "rules/test_landed_and_hints.py",
        "test_from_3_60_to_3_70_is_2_78_percent",
    ),
    (
        "Two retail sizes of one crate of 10 kg: 2×1 + 1×5 → 7 kg, missing 3.",
        "rules/test_landed_and_hints.py",
        "test_of_seven_kilos_misses_three",
    ),
    (
        "2×1 + 1×5 + 1×10 = 17 → one crate fills, 7 kg wait.",
        "rules/test_landed_and_hints.py",
        "test_of_seventeen_kilos_fills_one_and_lets_seven_wait",
    ),
    (
        "50.00 over 3, 100.00 over 7, 0.01 over 4, 0.02 over 3.",
        "rules/test_shares.py",
        "test_gives_the_left_over_cents_to_the_earliest",
    ),
    (
        "9,999.99 € over 4,000 employees → 3,999 × 2.50 + 1 × 2.49.",
        "rules/test_shares.py",
        "test_of_9_999_99_over_4_000_employees_is_exact",
    ),
    (
        "Four × 12.33 € at 5.5 %: 2.72 against 2.71.",
        "rules/test_shares.py",
        "test_of_four_times_12_33_at_5_5_percent_rounds_per_invoice_in_resale",
    ),
    (
        "Freight 10.00 € on 60.00 at 5.5 % and 40.00 at 20 % → 6.00 and 4.00.",
        "rules/test_shares.py",
        "test_follows_freight_to_each_rate",
    ),
    (
        "Supplier bills 125.73: 38.42, 24.45, 48.89, 13.97.",
        "rules/test_shares.py",
        "test_splits_a_bill_that_is_three_cents_higher",
    ),
    (
        "Pooled minimum 500 €, 180+150+140: extend once and mail; second miss → failed, requests approved, no PO.",
        "test_lock.py",
        "test_moves_the_date_once_and_tells_everybody_then_fails",
    ),
    ("Q=33, T=2 → line kept open by policy extend.", "test_lock.py", "test_of_a_pack_keeps_the_line_open_by_policy"),
    ("Q=33, T=2 → 24 by policy round down, through the lock.", "test_lock.py", "test_of_a_pack_orders_less_by_policy"),
    (
        "A draft is not a commitment: 180+150 and a 140 draft → 330, draft told and dropped.",
        "test_lock.py",
        "test_with_a_draft_does_not_count_towards_the_minimum",
    ),
    (
        "no answer by the deadline → commitment drops out and the tier is recomputed.",
        "test_lock.py",
        "test_unapproved_in_time_drops_out_and_the_tier_is_read_again",
    ),
    (
        "the night clocks change closes once (29 March and 25 October 2026).",
        "test_lock.py",
        "test_extends_by_days_on_the_wall",
    ),
    ('double click on "lock": one effect.', "test_lock.py", "test_twice_has_one_effect"),
    (
        "Closing at midnight Europe/Paris: 23:59:59 accepted, 00:00:00 refused; both DST nights.",
        "test_commitment.py",
        "test_is_accepted_at_23_59_59_and_refused_at_midnight",
    ),
    (
        "Buyer lowers 12→8 then raises to 12: FIFO age of the last 4 is new; three versions.",
        "test_commitment.py",
        "test_lowered_and_raised_again_keeps_three_versions_and_a_young_part",
    ),
    (
        "Two members only in a pool: a band through the service.",
        "test_commitment.py",
        "test_of_two_members_is_a_band_that_gives_no_quantity_away",
    ),
    (
        "Quote submitted at deadline+1 s → late.",
        "test_questions.py",
        "test_submitted_a_second_after_the_deadline_is_late",
    ),
    (
        "quote v2 at a higher price than v1 keeps both; award on an expired quote refused.",
        "test_questions.py",
        "test_of_negotiation_keeps_both_versions_and_the_dearer_second_one_counts",
    ),
    (
        "Two members only in a pool: B learns nothing by trying quantities either.",
        "test_commit_page.py",
        "test_learn_nothing_by_trying_quantities",
    ),
    (
        "FIFO option: the pool keeps 11, 7, 14, 4, because the two FIFO cases exclude each other.",
        "test_acceptance.py",
        "test_are_filled_alike_whatever_the_rule_of_a_shortage",
    ),
    ("Q=24, T=5 → 24, through the lock.", "test_acceptance.py", "test_leave_tolerance_alone_when_they_are_full"),
    ("Q=0, T=40 → nothing, through the services.", "test_acceptance.py", "test_are_never_bought_from_tolerance_alone"),
    ("Pack 5, MOQ 2 packs, through the lock.", "test_acceptance.py", "test_of_five_with_a_minimum_of_two"),
    (
        "Exactly 100; 99 and its hint, through the lock.",
        "test_acceptance.py",
        "test_are_inclusive_and_hint_what_more_would_save",
    ),
    ("Cap equal to the price, through the lock.", "test_acceptance.py", "test_keep_who_accepts_exactly_the_price"),
    ("Q=10, T=240, through the lock.", "test_acceptance.py", "test_are_not_bought_with_tolerance_that_raises_the_bill"),
    ("30 of 36, 35, 1, through the delivery.", "test_goods_cases.py", "test_of_36_is_shared_as_the_design_says"),
    ("0 → all 0, no invoice.", "test_goods_cases.py", "test_nothing_gives_nobody_anything_and_no_invoice"),
    ("min_useful through the delivery.", "test_delivery.py", "test_respects_a_useful_minimum"),
    (
        "Freight follows the rate of the goods, through the settlement.",
        "test_acceptance.py",
        "test_without_a_rate_follows_the_goods",
    ),
    ("125.73 is an alert; accepted it is shared.", "test_acceptance.py", "test_is_an_alert_and_shared_as_accepted"),
    (
        "125.73 refused: claim open, members keep 125.70.",
        "test_settlement.py",
        "test_three_cents_higher_and_refused_leaves_the_companies_at_what_was_expected",
    ),
    ("Weighed goods are billed on grams.", "test_goods_cases.py", "test_24_kilos_are_billed_on_grams"),
    (
        "Franco: a refused line drops the total to 480.",
        "test_acceptance.py",
        "test_is_the_suppliers_real_one_once_a_refused_line_breaks_the_franco",
    ),
    (
        "Pooled minimum missed twice: budgets freed, no PO, each policy once.",
        "test_acceptance.py",
        "test_frees_the_budgets_once_it_failed",
    ),
    ("The clock closes a pool once in both nights.", "test_acceptance.py", "test_closes_once"),
    ("12→8→12: pro rata unaffected.", "test_acceptance.py", "test_of_units_added_again_count_first_come_only"),
    (
        "Approval: 980.00 becomes 1,012.40.",
        "test_budget.py",
        "test_is_asked_when_freight_lifts_980_to_1012_and_drops_out_unanswered",
    ),
    ("Budget 5,000: 4,600 + 450 → stop.", "test_budget.py", "test_stops_when_4600_are_committed_and_450_asked_of_5000"),
    (
        "Budget 5,000: 4,600 committed + 450 asked → stop, a firm word in a pool.",
        "test_budget.py",
        "test_stops_when_4600_are_firm_in_a_pool_and_450_asked_of_5000",
    ),
    ("Blank cost centre → stop.", "test_budget.py", "test_stops_at_a_blank_cost_centre"),
    (
        "Paid 1,200.00 by SEPA on 2 March, disputed on 20 April.",
        "../billing/test_debits.py",
        "test_paid_on_2_march_and_disputed_on_20_april_reopens_only_that_invoice",
    ),
    (
        "… the supplier invoice and the other shares do not move.",
        "test_acceptance.py",
        "test_touches_neither_the_supplier_nor_the_other_companies",
    ),
    ("Partial payment 500.00 on 320.10 and 400.00.", "../billing/test_collection.py", "test_fills_the_oldest_first"),
    (
        "Member leaves with open commitments and a claim.",
        "test_acceptance.py",
        "test_loses_access_at_once_but_is_closed_only_when_nothing_is_open",
    ),
    (
        "Two members only: the page gives no quantity away.",
        "test_commit_page.py",
        "test_see_a_band_and_a_bill_that_gives_no_quantity_away",
    ),
    (
        "Employee pool: subsidy 10 % capped 15.00 on 180.00, half refunded.",
        "../billing/test_personal.py",
        "test_of_half_goes_back_in_proportion",
    ),
    ("Receipt job run twice: one effect.", "test_goods_cases.py", "test_any_step_after_the_order_has_one_effect"),
    ("Import of the same CSV twice: one effect.", "test_price_list.py", "test_twice_has_one_effect"),
    (
        "A 140 € draft: pooled 330, told and dropped.",
        "test_acceptance.py",
        "test_is_told_and_dropped_and_does_not_count",
    ),
    (
        "30 at 3.70 instead of 36 at 3.60: re-consent, who refuses leaves, the line is recomputed.",
        "test_changes.py",
        "test_is_concluded_when_all_have_answered_and_who_refuses_leaves",
    ),
    (
        "Re-consent for a quantity beyond the limit.",
        "test_changes.py",
        "test_in_quantity_alone_is_asked_above_the_limit_and_told_below",
    ),
    (
        "Four × 12.33 € at 5.5 %: 2.72 against 2.71, and the cent in the rounding account.",
        "test_spending.py",
        "test_of_resale_hold_the_purchase_and_the_rounding",
    ),
    (
        "I4 in resale the difference goes to a named rounding account.",
        "test_spending.py",
        "test_of_resale_hold_the_purchase_and_the_rounding",
    ),
    ("I1 per receipt line.", "test_pool_machine.py", "i1_every_unit_received_has_an_owner_or_is_left_over"),
    ("I2 0 ≤ allocation ≤ granted.", "test_pool_machine.py", "i2_nobody_is_given_more_than_was_said"),
    ("I3, I4 shares and VAT to the cent.", "rules/test_shares.py", "test_is_shared_to_the_cent"),
    (
        "I5, I6, I7 order, pack, one price.",
        "test_pool_machine.py",
        "i5_i6_i7_the_order_is_the_sum_of_the_parts_in_whole_packs_at_one_price_nobody_refused",
    ),
    ("I8 the log follows each row.", "test_pool_machine.py", "i8_the_log_ends_where_each_row_stands"),
    (
        "I8 actor, time and reason after the lock.",
        "test_acceptance.py",
        "test_every_change_of_state_has_its_time_and_somebody_and_what_is_undone_its_reason",
    ),
    ("I8 in goods.", "test_goods_machine.py", "i8_every_step_has_an_actor_a_time_and_where_it_takes_back_a_reason"),
    ("I8 counter-receipt.", "test_delivery.py", "test_needs_a_reason_whoever_corrects_by_whatever_door"),
    ("I11 in goods.", "test_goods_machine.py", "i11_the_order_of_rows_is_irrelevant"),
    ("I13 in goods.", "test_goods_machine.py", "i13_no_company_sees_what_another_takes_or_pays"),
    ("I14 in goods.", "test_goods_machine.py", "i14_nobody_approves_what_they_asked_for_and_an_award_has_two_persons"),
    ("I9 numbers.", "../billing/test_numbering.py", "test_are_unbroken_under_16_threads_that_fail_at_random"),
    ("I9 immutable.", "../billing/test_invoices.py", "test_cannot_be_changed_even_by_sql"),
    ("I9 balance.", "../billing/test_ledger.py", "test_keeps_the_books_whole_in_any_order"),
    ("I10 zero.", "../billing/test_ledger.py", "test_is_refused_when_the_sides_do_not_sum_to_zero"),
    ("I11 order of rows.", "rules/test_tiers.py", "test_does_not_look_at_the_order_of_rows"),
    ("I12 twice.", "../billing/test_ledger.py", "test_changes_nothing_the_second_time"),
    ("I13 bands.", "test_pool_machine.py", "i13_few_companies_see_bands"),
    ("I14 requester and approver.", "test_request_service.py", "test_is_refused_to_the_requester_even_as_approver"),
    (
        "I14 opener and awarder.",
        "test_tender_service.py",
        "test_needs_a_second_person_above_the_threshold_when_decided_by_the_opener",
    ),
    ("I15 credit notes.", "test_claims.py", "test_never_comes_to_more_than_was_invoiced"),
    ("CS09 to CS12, pack leftover: R3.", "rules/test_shares.py", "test_gives_the_shares_of_the_design"),
    (
        "Free riding: a mix.",
        "rules/test_shares.py",
        "test_lets_the_large_company_gain_when_a_part_is_shared_in_proportion",
    ),
    ("CS10 alone.", "rules/test_alone.py", "test_is_a_pack_and_a_loose_unit_once_the_solver_has_looked"),
    ("CS11 alone.", "rules/test_alone.py", "test_shares_freight_between_lines_and_weighs_a_franco"),
    ("Scarce capacity.", "award/test_participation.py", "test_where_cheap_capacity_is_scarce_one_stays_alone"),
    (
        "Scarce capacity on the page.",
        "test_award_study.py",
        "test_names_who_would_do_better_alone_to_staff_and_only_counts_for_others",
    ),
    ("Empty core.", "award/test_participation.py", "test_where_a_pack_serves_two_nobody_saves_by_leaving_all"),
    ("I16 handed over.", "rules/test_shortage.py", "test_of_several_deliveries_takes_nothing_back"),
]


class TestEveryCase:
    @pytest.mark.parametrize(("case", "file", "name"), CASES)
    def test_is_a_test_that_names_it(self, case, file, name):
        text = (HERE / file).read_text()
        assert f"def {name}(" in text
        own = text.split(f"def {name}(", 1)[1].split("    def ", 1)[0]
        number = re.match(r"I\d+", case)
        word = number.group().lower() if number else "case:"
        assert word in f"{name}{own}".lower()

    def test_is_there_in_full(self):
        numbers = {int(n) for case, _file, _name in CASES for n in re.findall(r"\bI(\d+)", case)}
        assert numbers == set(range(1, 17))
