"""Comparing a staff list with the employees on file."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companies.employees.plan import Employee, Kind, Plan, make_plan
from companies.employees.reading import Line, read
from companies.import_wording import problem_sentence

TODAY = date(2026, 3, 6)
ANA = Employee(1, "Ana", "Petit", "10", "ana@cuir.fr", 5, date(2020, 1, 1))
LUC = Employee(2, "Luc", "Dupont", "", "", None, date(2021, 1, 1))
GONE = Employee(3, "Guy", "Parti", "30", "", None, date(2019, 1, 1), date(2024, 1, 31))


def plan(text: str, *employees: Employee, full: bool = False, **more: object) -> Plan:
    found = read(text.encode())
    return make_plan(
        found.lines,
        employees,
        columns=found.columns,
        sites={"romans": 5, "bourg de peage": 6},
        today=TODAY,
        full=full,
        **more,
    )


def kinds(made: Plan) -> list[str]:
    return [step.kind.value for step in made.steps]


class TestPlan:
    def test_adds_who_is_not_on_file(self) -> None:
        step = plan("Nom;Prénom;Site\nNeuf;Eva;Bourg-de-Péage\n", ANA).steps[0]
        assert step.kind is Kind.JOINER
        assert (step.values["site"], step.values["starts_on"], step.values["ends_on"]) == (6, TODAY, None)

    def test_finds_people_by_number_then_address_then_name(self) -> None:
        text = "Nom;Prénom;Matricule;Mail\nPetit;Ana;10;ana@cuir.fr\nDUPONT;luc;;\n"
        assert [step.employee for step in plan(text, ANA, LUC).steps] == [1, 2]

    def test_changes_field_by_field(self) -> None:
        step = plan("Nom;Prénom;Matricule;Mail;Site\nPetit-Roux;Ana;10;ana@cuir.fr;\n", ANA).steps[0]
        assert step.kind is Kind.CHANGE
        assert dict(step.changes) == {"last_name": ("Petit", "Petit-Roux"), "site": (5, None)}

    def test_leaves_alone_what_the_file_has_no_column_for(self) -> None:
        assert kinds(plan("Nom;Prénom;Matricule\nPetit;Ana;10\n", ANA)) == ["unchanged"]

    def test_takes_a_namesake_with_another_number_for_somebody_else(self) -> None:
        assert kinds(plan("Nom;Prénom;Matricule\nPetit;Ana;99\n", ANA)) == ["joiner"]

    def test_gives_a_number_to_somebody_who_had_none(self) -> None:
        assert dict(plan("Nom;Prénom;Matricule\nDupont;Luc;20\n", LUC).steps[0].changes) == {"reference": ("", "20")}

    def test_ends_who_has_a_leaving_date(self) -> None:
        step = plan("Nom;Prénom;Matricule;Sortie\nPetit;Ana;10;31/03/2026\n", ANA).steps[0]
        assert (step.kind, step.values) == (Kind.LEAVER, {"ends_on": date(2026, 3, 31)})

    def test_ends_the_missing_only_when_the_file_is_complete(self) -> None:
        text = "Nom;Prénom;Matricule\nPetit;Ana;10\n"
        assert kinds(plan(text, ANA, LUC, GONE)) == ["unchanged"]
        full = plan(text, ANA, LUC, GONE, full=True)
        assert kinds(full) == ["unchanged", "leaver"]
        assert (full.steps[1].line, full.steps[1].employee, full.steps[1].values) == (None, 2, {"ends_on": TODAY})

    def test_asks_before_a_fifth_of_the_company_leaves(self) -> None:
        staff = [Employee(n, f"A{n}", "B", str(n)) for n in range(1, 11)]
        lines = [Line(n, f"A{n}", "B", str(n)) for n in range(1, 11)]

        def made(count: int) -> Plan:
            return make_plan(lines[:count], staff, columns=["reference"], sites={}, today=TODAY, full=True)

        assert not made(8).needs_confirmation
        assert made(7).needs_confirmation

    def test_takes_back_who_had_left(self) -> None:
        step = plan("Nom;Prénom;Matricule;Entrée\nParti;Guy;30;01/03/2026\n", GONE).steps[0]
        assert dict(step.changes) == {
            "starts_on": (date(2019, 1, 1), date(2026, 3, 1)),
            "ends_on": (date(2024, 1, 31), None),
        }

    def test_adds_nobody_who_left_before_being_known(self) -> None:
        assert kinds(plan("Nom;Prénom;Sortie\nVieux;Max;01/01/2020\n")) == ["unchanged"]

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("Nom;Prénom;Site\nPetit;Ana;Valence\n", "unknown_site"),
            ("Nom;Prénom;Matricule;Mail\nPetit;Ana;10;\nPetit;Ana;;ana@cuir.fr\n", "same_person"),
            ("Nom;Prénom;Matricule;Sortie\nPetit;Ana;10;31/12/2019\n", "ends_before_start"),
        ],
    )
    def test_refuses_what_cannot_be(self, text: str, code: str) -> None:
        step = plan(text, ANA).steps[-1]
        assert (step.kind, [p.code for p in step.problems]) == (Kind.ERROR, [code])

    def test_writes_days_as_people_do(self) -> None:
        (problem,) = plan("Nom;Prénom;Matricule;Sortie\nPetit;Ana;10;31/12/2019\n", ANA).steps[-1].problems
        assert "(31/12/2019)" in problem_sentence(problem.as_json())

    def test_refuses_to_guess_between_namesakes(self) -> None:
        twin = Employee(9, "Ana", "Petit", "11", "", None, TODAY)
        assert [p.code for p in plan("Nom;Prénom\nPetit;Ana\n", ANA, twin).steps[0].problems] == ["ambiguous"]

    @given(st.lists(st.sampled_from("abcdefgh"), unique=True), st.lists(st.sampled_from("abcdefgh"), unique=True))
    def test_accounts_for_everybody_exactly_once(self, on_file: list[str], in_file: list[str]) -> None:
        staff = [Employee(n, name, "X", name) for n, name in enumerate(on_file)]
        lines = [Line(n, name, "X", name) for n, name in enumerate(in_file, 2)]
        made = make_plan(lines, staff, columns=["reference"], sites={}, today=TODAY, full=True)
        assert made.count(Kind.JOINER) == len(set(in_file) - set(on_file))
        assert made.count(Kind.LEAVER) == made.absent == len(set(on_file) - set(in_file))
        assert made.count(Kind.UNCHANGED) == len(set(on_file) & set(in_file))
