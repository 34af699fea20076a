"""Redemptions in a table for each month (decision 0041).

The rows are copied, and their numbers get the month in front: `id` becomes `month * 10**10 + id`. The audit log, which is sealed, goes
on naming a redemption of before by the last ten digits. There is no way back but the backup made before.
"""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

import companies.migrating

UNDONE_ONCE = pgtrigger.compiler.Trigger(name='undone_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."voids_id" IS NOT NULL)', func='INSERT INTO benefit_card_undone (redemption_id, by_id, at) VALUES (NEW.voids_id, NEW.id, NEW.at); RETURN NULL;', hash='b93155fd5c7c414548180345306534232fc7b45a', operation='INSERT', pgid='pgtrigger_undone_once_46e10', table='benefit_card_redemption', when='AFTER'))
KEPT = pgtrigger.compiler.Trigger(name='kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='3b648b276f8e00e56f0417f5a135a720a14a32b4', operation='UPDATE OR DELETE', pgid='pgtrigger_kept_854aa', table='benefit_card_undone', when='BEFORE'))
SQL = r"""
CREATE FUNCTION benefit_card_redemption_month(day date) RETURNS boolean LANGUAGE plpgsql AS $made$
-- The table of one month, unless there is one; false too when rows of it lie in the table for the rest.
DECLARE
  first timestamp := date_trunc('month', day::timestamp);
  number bigint := (EXTRACT(YEAR FROM day) * 12 + EXTRACT(MONTH FROM day))::bigint * 10000000000;
  child text := 'benefit_card_redemption_' || to_char(first, 'YYYY_MM');
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('benefit_card_redemption_month'));
  IF to_regclass(child) IS NOT NULL
     OR EXISTS (SELECT FROM benefit_card_redemption_other WHERE id >= number AND id < number + 10000000000) THEN
    RETURN false;
  END IF;
  -- The check lets the planner leave a month out that a condition on the time of the sale rules out.
  EXECUTE format(
    'CREATE TABLE %I PARTITION OF benefit_card_redemption (UNIQUE (client_id), CHECK (at >= %L AND at < %L)) '
    'FOR VALUES FROM (%s) TO (%s)',
    child, first AT TIME ZONE 'Europe/Paris', (first + interval '1 month') AT TIME ZONE 'Europe/Paris',
    number, number + 10000000000);
  RETURN true;
END $made$;

DO $convert$
DECLARE
  line record;
  pointing text[];
  own text[];
  watch text;
  marked text;
  next bigint;
BEGIN
  LOCK TABLE benefit_card_redemption, benefit_card_statementline, benefit_card_signal IN ACCESS EXCLUSIVE MODE;
  SELECT CASE WHEN is_called THEN last_value + 1 ELSE last_value END INTO next FROM benefit_card_redemption_id_seq;
  -- What is put back as it was: keys of others to a redemption, keys of a redemption to others, the trigger.
  SELECT array_agg(format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)))
    INTO pointing FROM pg_constraint
    WHERE contype = 'f' AND confrelid = 'benefit_card_redemption'::regclass AND conrelid <> confrelid;
  SELECT array_agg(format('ALTER TABLE benefit_card_redemption ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)))
    INTO own FROM pg_constraint
    WHERE contype = 'f' AND conrelid = 'benefit_card_redemption'::regclass AND conrelid <> confrelid;
  SELECT pg_get_triggerdef(oid), obj_description(oid, 'pg_trigger') INTO watch, marked FROM pg_trigger
    WHERE tgrelid = 'benefit_card_redemption'::regclass AND tgname = 'pgtrigger_never_edited_af3bf';
  FOR line IN SELECT conrelid::regclass AS place, conname FROM pg_constraint
    WHERE contype = 'f' AND confrelid = 'benefit_card_redemption'::regclass AND conrelid <> confrelid LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', line.place, line.conname);
  END LOOP;

  ALTER TABLE benefit_card_redemption ALTER id DROP IDENTITY IF EXISTS;
  ALTER TABLE benefit_card_redemption RENAME TO benefit_card_redemption_whole;
  CREATE TABLE benefit_card_redemption (
    LIKE benefit_card_redemption_whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    CONSTRAINT redemption_number_begins_with_its_month CHECK (id / 10000000000 =
      EXTRACT(YEAR FROM at AT TIME ZONE 'Europe/Paris') * 12 + EXTRACT(MONTH FROM at AT TIME ZONE 'Europe/Paris'))
  ) PARTITION BY RANGE (id);
  CREATE TABLE benefit_card_redemption_other PARTITION OF benefit_card_redemption (UNIQUE (client_id)) DEFAULT;
  EXECUTE format('CREATE SEQUENCE benefit_card_redemption_id_seq START %s OWNED BY benefit_card_redemption.id', next);
  PERFORM benefit_card_redemption_month(month::date) FROM (
    SELECT date_trunc('month', at AT TIME ZONE 'Europe/Paris') AS month FROM benefit_card_redemption_whole
    UNION SELECT date_trunc('month', now() AT TIME ZONE 'Europe/Paris')
    UNION SELECT date_trunc('month', now() AT TIME ZONE 'Europe/Paris') + interval '1 month' ORDER BY 1) AS months;

  CREATE TABLE benefit_card_undone (redemption_id bigint PRIMARY KEY, by_id bigint NOT NULL, at timestamptz NOT NULL);
  IF EXISTS (SELECT FROM benefit_card_redemption_whole) THEN
    CREATE TEMPORARY TABLE renumbered ON COMMIT DROP AS
      SELECT id AS old, id + 10000000000 * (EXTRACT(YEAR FROM at AT TIME ZONE 'Europe/Paris') * 12
        + EXTRACT(MONTH FROM at AT TIME ZONE 'Europe/Paris'))::bigint AS new FROM benefit_card_redemption_whole;
    ALTER TABLE renumbered ADD PRIMARY KEY (old);
    ANALYZE renumbered;
    INSERT INTO benefit_card_redemption (id, client_id, card_id, person_id, merchant_id, till_id, offer_id, offer_version_id, shown, slot, gross_cents,
      discount_cents, period, seq, stock_seq, stock_part, at, arrived_at, standing, cashier_id, voids_id)
      SELECT n.new, r.client_id, r.card_id, r.person_id, r.merchant_id, r.till_id, r.offer_id, r.offer_version_id, r.shown, r.slot, r.gross_cents,
      r.discount_cents, r.period, r.seq, r.stock_seq, r.stock_part, r.at, r.arrived_at, r.standing, r.cashier_id, v.new FROM benefit_card_redemption_whole r
      JOIN renumbered n ON n.old = r.id LEFT JOIN renumbered v ON v.old = r.voids_id ORDER BY n.new;
    INSERT INTO benefit_card_undone SELECT voids_id, id, at FROM benefit_card_redemption WHERE voids_id IS NOT NULL;
    ALTER TABLE benefit_card_statementline DISABLE TRIGGER USER;
    UPDATE benefit_card_statementline l SET redemption_id = n.new FROM renumbered n WHERE n.old = l.redemption_id;
    ALTER TABLE benefit_card_statementline ENABLE TRIGGER USER;
    UPDATE benefit_card_signal s SET redemption_id = n.new FROM renumbered n WHERE n.old = s.redemption_id;
    UPDATE benefit_card_signal s SET key = regexp_replace(s.key, '\d+$', n.new::text)
      FROM renumbered n WHERE s.kind IN ('elsewhere', 'conflicts', 'contested') AND s.key ~ '^[a-z]+(:\d+)?:\d+$'
      AND n.old = substring(s.key FROM '\d+$')::bigint;
  END IF;
  SET CONSTRAINTS ALL IMMEDIATE;  -- no table with a check still to come may be altered
  SET CONSTRAINTS ALL DEFERRED;
  DROP TABLE benefit_card_redemption_whole;

  ALTER TABLE benefit_card_redemption ADD CONSTRAINT benefit_card_redemption_pkey PRIMARY KEY (id);
  CREATE INDEX benefit_card_redemption_card_id_2a1b31f0 ON benefit_card_redemption (card_id);
  CREATE INDEX redemption_merchant_at ON benefit_card_redemption (merchant_id, at);
  CREATE INDEX redemption_person_at ON benefit_card_redemption (person_id, at);
  CREATE INDEX redemption_offer_card ON benefit_card_redemption (offer_id, card_id);
  CREATE INDEX redemption_at_brin ON benefit_card_redemption
    USING brin (at) WITH (pages_per_range = 32, autosummarize = on);
  FOREACH watch IN ARRAY own || pointing || ARRAY[watch] LOOP
    EXECUTE watch;
  END LOOP;
  EXECUTE format('COMMENT ON TRIGGER pgtrigger_never_edited_af3bf ON benefit_card_redemption IS %L', marked);
  ALTER TABLE benefit_card_undone
    ADD CONSTRAINT benefit_card_undone_redemption_id_fk FOREIGN KEY (redemption_id)
      REFERENCES benefit_card_redemption (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT benefit_card_undone_by_id_fk FOREIGN KEY (by_id)
      REFERENCES benefit_card_redemption (id) DEFERRABLE INITIALLY DEFERRED;
END $convert$;

-- Asked from within the statement of a till: a function opens the months only for an offer that asks.
CREATE FUNCTION benefit_card_been_here(person bigint, merchant bigint, before timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE AS $been$
BEGIN
  RETURN EXISTS (
    SELECT FROM benefit_card_redemption r WHERE r.person_id = person AND r.merchant_id = merchant AND r.at < before
      AND r.voids_id IS NULL AND NOT EXISTS (SELECT FROM benefit_card_undone u WHERE u.redemption_id = r.id));
END $been$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('benefit_card', '0011_renewals'),
    ]

    operations = [
        companies.migrating.Together([migrations.RunSQL(
            sql=[SQL, UNDONE_ONCE.install_sql, KEPT.install_sql],
            state_operations=[
            migrations.CreateModel(
                name='Undone',
                fields=[
                    ('redemption', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='undone', serialize=False, to='benefit_card.redemption')),
                    ('at', models.DateTimeField()),
                ],
                options={
                    'verbose_name_plural': 'undone sales',
                },
            ),
            migrations.AlterField(
                model_name='redemption',
                name='cashier',
                field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.cashier'),
            ),
            migrations.AlterField(
                model_name='redemption',
                name='client_id',
                field=models.UUIDField(help_text='Unique by its request, and within a month by an index.'),
            ),
            migrations.AlterField(
                model_name='redemption',
                name='id',
                field=models.BigIntegerField(editable=False, primary_key=True, serialize=False),
            ),
            migrations.AlterField(
                model_name='redemption',
                name='merchant',
                field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='redemptions', to='merchants.merchant'),
            ),
            migrations.AlterField(
                model_name='redemption',
                name='offer',
                field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='redemptions', to='merchants.offer'),
            ),
            migrations.AlterField(
                model_name='redemption',
                name='offer_version',
                field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='redemptions', to='merchants.offerversion'),
            ),
            migrations.AlterField(
                model_name='redemption',
                name='person',
                field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='redemptions', to='companies.person'),
            ),
            migrations.AlterField(
                model_name='redemption',
                name='till',
                field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='redemptions', to='merchants.till'),
            ),
            migrations.AlterField(
                model_name='redemption',
                name='voids',
                field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='benefit_card.redemption'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='redemption',
                trigger=UNDONE_ONCE,
            ),
            migrations.AddField(
                model_name='undone',
                name='by',
                field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='benefit_card.redemption'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='undone',
                trigger=KEPT,
            ),
            ],
        )]),
    ]
