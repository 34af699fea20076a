"""Triggers that several rooms put on what nobody may take away."""

import pgtrigger


def never_emptied(name: str) -> pgtrigger.Trigger:
    """Refuse TRUNCATE, which asks no trigger of the rows: what may not be deleted may not be emptied either."""
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func="RAISE EXCEPTION 'Cannot truncate table %', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';",
    )
