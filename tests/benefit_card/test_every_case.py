"""Where each row of the threat table and each acceptance case of the card's design is played.

A row names at least one test; the test's own words say "Case" or "Threat", so that whoever reads it knows why it stands.
"""

from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent
CARD, BROWSER = "benefit_card/test_", "browser/test_"

THREATS = {
    "forge / alter a code, key confusion": [
        (CARD + "threats", "test_or_altering_or_mixing_up_keys_never_opens_the_till")
    ],
    "second spelling of same bytes": [
        (CARD + "credential", "test_has_no_second_form"),
        (CARD + "credential", "test_of_the_camera_link_refuses_a_changed_unused_bit"),
    ],
    "screenshot to a colleague": [
        (CARD + "redeem", "test_refuses_other_half_minutes"),
        (CARD + "card_cases", "test_is_refused_the_second_time_flagged_and_told_to_its_holder_once"),
    ],
    "photocopy of print": [(CARD + "threats", "test_of_a_printed_card_takes_a_single_use_gift_once")],
    "seed export": [(CARD + "card_cases", "test_used_from_two_phones_within_minutes_is_raised_for_people")],
    "ex-employee": [(CARD + "card_cases", "test_of_somebody_who_leaves_ends_at_midnight_in_paris")],
    "lost card": [(CARD + "sync", "test_honours_a_card_blocked_after_the_tills_list_and_refuses_one_the_till_knew")],
    "stale list on purpose": [
        (CARD + "sync", "test_holds_the_till_to_the_age_of_its_list_and_the_offers_policy"),
        (BROWSER + "offline_till", "test_with_an_old_list_takes_what_the_policy_allows"),
        (CARD + "credential", "test_lead_to_no_older_list_however_well_it_was_signed"),
    ],
    "parallel redemption": [
        (CARD + "exactly_once", "test_is_redeemed_exactly_once_by_sixteen_tills_in_a_hundred_rounds")
    ],
    "network retry / double tap": [
        (CARD + "exactly_once", "test_of_one_sale_by_sixteen_requests_is_one_sale_and_one_answer"),
        (CARD + "redeem", "test_refuses_the_same_id_with_another_body"),
    ],
    "merchant invents redemptions": [(CARD + "fraud", "test_raises_a_merchant_with_typed_codes_only")],
    "merchant staff browse people": [
        (CARD + "threats", "test_people_by_guessed_codes_or_ids_gets_one_answer_and_then_none"),
        (CARD + "threats", "test_is_locked_for_an_hour_after_thirty_wrong_codes"),
    ],
    "card-status oracle": [(CARD + "threats", "test_is_not_to_be_had_without_a_paired_till")],
    "employer or ERB insider tracks a person": [
        (CARD + "employer_sweep", "test_no_employer_role_meets_a_redemption_at_any_address_export_or_refusal"),
        (CARD + "anonymity", "test_does_not_tell_what_one_more_person_did_when_two_months_are_subtracted"),
        (CARD + "figures", "test_of_nine_is_hidden_and_one_more_employee_cannot_be_subtracted"),
        (CARD + "retention", "test_is_logged_told_and_shown_to_the_person"),
    ],
    "malicious CSV": [
        ("companies/test_staff_list_reading", "test_says_where_and_what_is_wrong"),
        ("companies/test_staff_list_reading", "test_refuses_a_file_that_is_no_staff_list"),
        ("companies/test_people_pages", "test_list_errors_by_line_and_as_a_harmless_file"),
        ("companies/test_staff_list_reading", "test_refuses_a_workbook_that_would_unpack_to_more_than_memory_holds"),
        (CARD + "threats", "test_is_text_in_every_file_that_a_spreadsheet_opens"),
        (CARD + "retention", "test_is_for_the_association_alone_and_leaves_no_formula_in_a_file"),
    ],
    "scan of hostile QR": [(BROWSER + "card_scripts", "test_is_named_foreign_and_never_anything_else")],
    "credential in logs/referrer": [
        (CARD + "fraud", "test_is_in_no_log_line_and_no_referrer"),
        (CARD + "threats", "test_and_audit_rows_never_hold_a_credential"),
    ],
    "stolen till phone": [
        (CARD + "sync", "test_of_a_revoked_till_is_refused_whole_so_that_its_queue_stays"),
        (CARD + "till_people", "test_is_locked_out_after_five_wrong_pins_even_with_the_right_one"),
        (BROWSER + "offline_till", "test_that_was_revoked_keeps_its_queue_and_saves_it_as_a_file"),
    ],
    "stored XSS, image bomb by merchant": [
        ("merchants/test_pages", "test_escapes_what_merchants_write"),
        ("companies/test_pictures", "test_that_is_none_is_refused"),
    ],
}

CASES = {
    "S code: 23:59:59 and 00:00:00 Paris, both DST nights": [
        (CARD + "credential", "test_ends_at_midnight_in_paris_also_when_the_clock_changes")
    ],
    "base32 last bit, lower case, space, =; base45 above 65,535": [
        (CARD + "credential", "test_of_the_camera_link_refuses_a_changed_unused_bit"),
        (CARD + "credential", "test_refuses_values_and_letters_that_do_not_exist"),
    ],
    "retired kid on its last day; unknown kid asks for an update": [
        (CARD + "threats", "test_a_retired_key_counts_on_its_last_day_of_grace_and_not_after"),
        (CARD + "credential", "test_says_unknown_key_and_not_forged_for_a_key_it_never_heard_of"),
    ],
    "same D code at two merchants": [
        (CARD + "card_cases", "test_is_refused_the_second_time_flagged_and_told_to_its_holder_once")
    ],
    "16 parallel redemptions": [
        (CARD + "exactly_once", "test_is_redeemed_exactly_once_by_sixteen_tills_in_a_hundred_rounds")
    ],
    "client times out, retries after server restart": [
        ("journeys/test_survives", "test_loses_and_doubles_no_redemption_when_the_till_asks_again")
    ],
    "limit lowered and raised": [(CARD + "redeem", "test_survives_a_limit_that_is_lowered_and_raised")],
    "void, void of a void, two voids, void after the statement": [
        (CARD + "redeem", "test_gives_the_use_back_once"),
        (CARD + "redeem", "test_of_a_void_is_refused"),
        (CARD + "exactly_once", "test_is_won_by_one_of_sixteen"),
        (CARD + "statements", "test_a_void_is_a_correction_line_in_the_next_statement_and_the_old_pdf_keeps_its_hash"),
    ],
    "offer edited between scan and confirm": [(CARD + "sync", "test_applies_the_version_that_was_scanned")],
    "company suspended": [(CARD + "card_cases", "test_is_told_to_no_till")],
    "person in two companies": [(CARD + "card_cases", "test_of_two_employers_is_the_later_one")],
    "re-issued card": [
        (CARD + "card_cases", "test_is_refused_on_the_old_print_and_taken_by_an_older_list"),
        (CARD + "sync", "test_says_that_a_print_was_replaced"),
    ],
    "list 25 h, 73 h, corrupted": [
        (BROWSER + "offline_till", "test_with_an_old_list_takes_what_the_policy_allows"),
        (BROWSER + "offline_till", "test_keeps_the_list_it_had_when_the_new_one_is_corrupted"),
    ],
    "two offline tills, single-use gift": [
        (CARD + "sync", "test_of_two_offline_tills_gives_one_ok_one_conflict_and_both_are_paid"),
        (CARD + "statements", "test_of_two_offline_tills_both_are_in_their_statements_and_reconcile"),
    ],
    "till clock +2 h": [(BROWSER + "offline_till", "test_whose_clock_is_two_hours_off_says_so_and_needs_the_network")],
    "company of 9; totals row": [
        (CARD + "figures", "test_of_nine_is_hidden_and_one_more_employee_cannot_be_subtracted"),
        (CARD + "anonymity", "test_hides_a_second_cell_so_that_the_first_does_not_follow_from_the_total"),
    ],
    "merchant A and merchant B": [
        (CARD + "card_cases", "test_can_read_void_or_infer_nothing"),
        (CARD + "privacy", "test_cannot_see_or_compare_another_merchant_s_customers"),
    ],
    "erasure request": [
        (CARD + "retention", "test_takes_the_person_out_and_leaves_the_sum"),
        (CARD + "retention", "test_does_not_reset_a_single_use_gift"),
        (CARD + "retention", "test_holds_every_list_and_who_looked"),
        (CARD + "card_cases", "test_leaves_wallets_and_printed_files_too"),
    ],
    "native phone camera opens the landing page": [
        (CARD + "privacy", "test_tells_nothing_and_remembers_nothing"),
        (CARD + "fraud", "test_is_in_no_log_line_and_no_referrer"),
    ],
    "camera denied, none, insecure, lost": [
        (BROWSER + "till_for_everybody", "test_the_typed_code_is_two_tabs_away_and_the_till_says_why")
    ],
    "decode self-test": [
        (CARD + "sheets", "test_decodes_completely_at_the_designs_degradations"),
        (BROWSER + "card_scripts", "test_of_two_hundred_cards_decodes_completely_at_the_designs_degradations"),
    ],
    "screen reader, greyscale, zoom, reduced motion": [
        (BROWSER + "till_for_everybody", "test_is_announced_once_and_told_by_word_and_picture"),
        (BROWSER + "till_for_everybody", "test_loses_nothing_at_200_percent_zoom"),
        (BROWSER + "till_for_everybody", "test_moves_in_steps_when_less_movement_is_asked_for"),
        (BROWSER + "card", "test_draws_the_next_code_after_half_a_minute_without_announcing_it"),
    ],
    "Apple/Google pass of a revoked card": [
        (CARD + "google_wallet", "test_take_the_code_off_a_blocked_card_and_give_it_back"),
        (CARD + "google_wallet", "test_names_the_same_pass_again"),
        (CARD + "wallets", "test_reach_a_registered_wallet_when_the_card_is_blocked"),
        (CARD + "wallets", "test_keeps_its_number_when_downloaded_again"),
    ],
    "1,000,000 synthetic cards": [(CARD + "credential", "test_of_a_million_cards_stays_below_130_kilobytes")],
    "specimen card": [(CARD + "till_people", "test_is_shown_as_such_and_never_counted")],
    "printed batch": [
        (CARD + "cards", "test_is_one_pdf_in_the_order_of_names"),
        (CARD + "cards", "test_shows_no_name_through_the_window_unless_chosen"),
        (CARD + "cards", "test_printed_again_revokes_only_that_card"),
    ],
}
EXACTLY_ONCE = {
    "rolling windows": [
        (CARD + "offer_rules", "test_allows_two_in_any_thirty_days_and_says_when_again"),
        (CARD + "exactly_once", "test_allows_as_many_as_it_says_to_sixteen_tills"),
        (CARD + "exactly_once", "test_would_be_overrun_by_check_then_insert"),
    ],
    "hot stock in sub-counters": [
        (CARD + "exactly_once", "test_is_sold_to_the_last_use_by_sixteen_tills"),
        (CARD + "exactly_once", "test_would_be_oversold_by_check_then_insert"),
        (CARD + "offer_rules", "test_lowered_below_what_is_used_leaves_nothing_and_raised_leaves_the_rest"),
    ],
    "calendar periods in Europe/Paris, both DST nights": [
        (CARD + "offer_rules", "test_change_at_midnight_in_paris_also_when_the_clocks_change")
    ],
    "several counters in sorted order, no deadlock": [
        (CARD + "exactly_once", "test_of_person_and_stock_together_hold_without_deadlock"),
        (CARD + "exactly_once", "test_of_two_offers_that_exclude_each_other_happens_for_neither_order"),
    ],
    "void as a row, the use given back once": [
        (CARD + "offer_rules", "test_gets_a_use_back_from_a_void_and_only_once"),
        (CARD + "offer_rules", "test_gets_back_from_a_void_what_was_taken_from_its_part"),
    ],
    "replies and refusals replayed from the stored response": [
        (CARD + "redeem", "test_repeats_a_refusal_too"),
        (CARD + "redeem", "test_refuses_the_same_id_from_another_till"),
        (CARD + "offer_rules", "test_repeats_the_first_answer_to_a_retry"),
    ],
    "what cannot be checked without network is reconciled": [
        (CARD + "offer_rules", "test_is_given_what_no_till_can_know_without_network_and_it_is_not_counted"),
        (CARD + "offer_rules", "test_made_without_network_is_honoured_as_a_conflict"),
        (CARD + "offer_rules", "test_counts_a_late_sale_against_later_ones"),
        (CARD + "sync", "test_limits_a_card_to_the_network_after_two_conflicts"),
        (CARD + "sync", "test_keeps_what_comes_after_seven_days_for_a_person_to_decide"),
    ],
    "a queue in runs": [
        (CARD + "sync", "test_answers_and_keeps_what_the_same_sales_one_by_one_do"),
        (CARD + "sync", "test_that_dies_before_its_end_never_happened_and_is_taken_in_again"),
        (CARD + "exactly_once", "test_of_queues_with_the_same_cards_in_any_order_holds_the_limit_without_deadlock"),
    ],
    "merchants: agreement anew, suspension, pictures": [
        ("merchants/test_offer_plans", "test_of_a_new_text_leaves_time_and_then_stops_new_offers_only"),
        ("merchants/test_offer_plans", "test_is_accepted_once_by_an_owner_with_proof"),
        ("merchants/test_offer_plans", "test_is_made_small_and_served_with_cache_and_a_strict_policy"),
        ("merchants/test_applications", "test_tells_the_merchant_why"),
    ],
}
SIGNING = {
    "signing in one Celery queue": [
        (CARD + "signing", "test_makes_what_is_on_its_list_and_calls_nothing_else"),
        (CARD + "signing", "test_serves_the_list_it_has_and_asks_for_a_new_one_once"),
    ],
}
ROWS = [
    (row, *test) for rows in (THREATS, CASES, EXACTLY_ONCE, SIGNING) for row, tests in rows.items() for test in tests
]


class TestEveryRow:
    @pytest.mark.parametrize(("row", "file", "name"), ROWS)
    def test_is_played_by_a_test_that_says_so(self, row, file, name):
        text = (HERE / f"{file}.py").read_text()
        assert f"def {name}(" in text, row
        own = text.split(f"def {name}(", 1)[1].split("    def ", 1)[0].lower()
        assert "case" in own or "threat" in own, f"{name} does not say that it plays: {row}"
