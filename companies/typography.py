"""The spaces of French print that must not break at the end of a line, and its apostrophe.

Rules: Imprimerie nationale, "Lexique des règles typographiques": a no-break space inside guillemets, before a colon,
a percent or euro sign and between a figure and its unit; a narrow one before ; ? ! and between thousands.
"""

import re

NO_BREAK, NARROW = "\u00a0", "\u202f"
_UNITS = "kg|g|h|min|km|m|cm|mm|l|Ko|Mo|Go|ans|jours|mois|euros"
_FIGURE = r"(?<=\d)|(?<=\)s)|(?<=\)d)|(?<=\}\})"  # a digit, or a placeholder that will be one
_RULES = [
    (re.compile(r"« "), f"«{NO_BREAK}"),
    (re.compile(r" »"), f"{NO_BREAK}»"),
    (re.compile(r" :(?=\s|$|<)"), f"{NO_BREAK}:"),
    (re.compile(r" (?=[;?!])"), NARROW),
    (re.compile(r"(?<=\d) (?=\d{3}\b)"), NARROW),
    (re.compile(rf"(?:{_FIGURE}) (?=€|%(?!\()|(?:{_UNITS})\b)"), NO_BREAK),
    (re.compile(r"(?<=n°) "), NO_BREAK),
    (re.compile(r"(?<=[^\W\d])'(?=\w)"), "’"),
]


def french(text: str) -> str:
    """Return the sentence with its spaces and apostrophes as printed; text already so comes back unchanged.

    >>> french("Clore l'offre « %(title)s » ?").encode("unicode_escape").decode()
    'Clore l\\\\u2019offre \\\\xab\\\\xa0%(title)s\\\\xa0\\\\xbb\\\\u202f?'
    >>> french("10 000 lignes, 20 %% : fini") == "10\\u202f000 lignes, 20\\xa0%% : fini".replace(" :", "\\xa0:")
    True
    """
    for rule, printed in _RULES:
        text = rule.sub(printed, text)
    return text
