"""What staff change about a patient, records brought from elsewhere, and a clinic's own rule sets."""

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "0002"
down_revision = "0001"

WALLED = ('clinic_rule_set', 'contact_amendment')
TABLES = ('clinic_rule_set', 'contact_amendment')
# Rules that grew: table, name, before, now.
RULES = (
    ('import_mapping', 'ck_import_mapping_kind', "kind IN ('patients', 'scores', 'billed_months')", "kind IN ('patients', 'scores', 'contacts', 'billed_months')"),
    ('import_run', 'ck_import_run_kind', "kind IN ('patients', 'scores', 'billed_months')", "kind IN ('patients', 'scores', 'contacts', 'billed_months')"),
)


def upgrade() -> None:
    op.create_table('clinic_rule_set',
    sa.Column('rule_id', sa.String(), nullable=False),
    sa.Column('content', sa.JSON(), nullable=False),
    sa.Column('content_hash', sa.String(), nullable=False),
    sa.Column('brought_in_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('brought_in_by_id', sa.Uuid(), nullable=True),
    sa.Column('brought_in_by', sa.String(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_clinic_rule_set')),
    sa.UniqueConstraint('clinic_id', 'rule_id', name=op.f('uq_clinic_rule_set_clinic_id_rule_id'))
    )
    op.create_table('contact_amendment',
    sa.Column('contact_id', sa.Uuid(), nullable=False),
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('reason_sealed', sa.String(), nullable=False),
    sa.Column('amended_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('amended_by_id', sa.Uuid(), nullable=True),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('note_sealed', sa.String(), nullable=True),
    sa.Column('adherence', sa.String(), nullable=True),
    sa.Column('adherence_note_sealed', sa.String(), nullable=True),
    sa.Column('side_effects', sa.String(), nullable=True),
    sa.Column('side_effects_note_sealed', sa.String(), nullable=True),
    sa.Column('skill', sa.String(), nullable=True),
    sa.Column('homework_sealed', sa.String(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['amended_by_id'], ['staff.id'], name=op.f('fk_contact_amendment_amended_by_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'contact_id'], ['contact.clinic_id', 'contact.id'], name=op.f('fk_contact_amendment_clinic_id_contact_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact_amendment')),
    sa.UniqueConstraint('contact_id', 'number', name=op.f('uq_contact_amendment_contact_id_number'))
    )
    op.create_index('ix_contact_amendment_patient', 'contact_amendment', ['patient_id'], unique=False)
    op.add_column('chart_copy', sa.Column('changed_at', sa.DateTime(timezone=True), nullable=True))
    op.create_index('ix_code_request_waiting', 'code_request', ['created_at'], unique=False, postgresql_where=sa.text("code_hash = ''"), sqlite_where=sa.text("code_hash = ''"))
    op.add_column('contact', sa.Column('amendments', sa.Integer(), server_default='0', nullable=False))
    op.add_column('coverage', sa.Column('subscriber_name_sealed', sa.String(), nullable=True))
    op.add_column('related_person', sa.Column('agreed_on', sa.Date(), nullable=True))
    op.add_column('related_person', sa.Column('agreed_how', sa.String(), nullable=True))
    op.add_column('related_person', sa.Column('replaces_id', sa.Uuid(), nullable=True))
    op.add_column('treatment_change', sa.Column('withdrawn_why_sealed', sa.String(), nullable=True))
    for table, name, _, now in RULES:
        recheck(table, name, now)
    guard()


def recheck(table: str, name: str, rule: str) -> None:
    """SQLite can't change a rule in place: the table is made anew with its rows."""
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(op.f(name), type_="check")
        batch.create_check_constraint(op.f(name), rule)


def guard() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in TABLES:
        for statement in walls.grants(table):
            op.execute(statement)
    for table in WALLED:
        for statement in walls.wall(table):
            op.execute(statement)


def downgrade() -> None:
    for table, name, before, _ in RULES:
        recheck(table, name, before)
    op.drop_column('treatment_change', 'withdrawn_why_sealed')
    op.drop_column('related_person', 'replaces_id')
    op.drop_column('related_person', 'agreed_how')
    op.drop_column('related_person', 'agreed_on')
    op.drop_column('coverage', 'subscriber_name_sealed')
    op.drop_column('contact', 'amendments')
    op.drop_index('ix_code_request_waiting', table_name='code_request', postgresql_where=sa.text("code_hash = ''"), sqlite_where=sa.text("code_hash = ''"))
    op.drop_column('chart_copy', 'changed_at')
    op.drop_index('ix_contact_amendment_patient', table_name='contact_amendment')
    op.drop_table('contact_amendment')
    op.drop_table('clinic_rule_set')
