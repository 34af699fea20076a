from django.db import migrations

FULL = """
CREATE FUNCTION benefit_card_full(passed text[]) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $full$
-- A limit stands in the way of a sale: its statement fails, and so undoes the counters that had room.
BEGIN
  RAISE EXCEPTION 'a limit is reached' USING ERRCODE = 'ERB01', DETAIL = array_to_string(passed, ' ');
END $full$;
"""


class Migration(migrations.Migration):
    dependencies = [("benefit_card", "0012_redemptions_by_month")]
    operations = [migrations.RunSQL(FULL, "DROP FUNCTION benefit_card_full(text[])")]
