"""What is wrong with a price list, in the reader's words."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from companies.import_wording import file_sentence as staff_sentence


def problem_sentence(problem: str) -> str:
    """The sentence of a stored problem such as `price:douze`."""
    code, _colon, rest = problem.partition(":")
    if code == "missing":
        return {
            "reference": _("The reference is missing."),
            "price": _("The price is missing."),
            "name": _("A new article needs a name."),
        }.get(rest, rest)
    if code == "unit_differs":
        source, _sep, target = rest.partition(":")
        return _("Priced per %(source)s, but the article is counted in %(target)s.") % {
            "source": source,
            "target": target,
        }
    sentences = {
        "formula": _("A cell begins like a formula: this is refused."),
        "price": _("“%(value)s” is not a price."),
        "price_zero": _("The price comes out as zero."),
        "unit": _("The unit “%(value)s” is not known."),
        "pack": _("The pack size “%(value)s” is not a whole number."),
        "base": _("It is not clear what the price is for: “%(value)s”."),
        "twice": _("The reference stands already on line %(value)s."),
    }
    return sentences.get(code, problem) % {"value": rest}


def file_sentence(trouble: Mapping[str, str]) -> str:
    """Why a file as a whole is no use."""
    if trouble.get("code") == "no_heading":
        return _("No heading line was found: name at least the columns “Référence” and “Prix”.")
    if trouble.get("code") == "no_lines":
        return _("The file has a heading but no line.")
    return staff_sentence(dict(trouble))
