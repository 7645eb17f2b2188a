"""What staff change about a patient, records brought from elsewhere, and a clinic's own rule sets."""

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "0002"
down_revision = "0001"

WALLED = ('contact_amendment',)
TABLES = ('contact_amendment',)


def upgrade() -> None:
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
    op.add_column('contact', sa.Column('amendments', sa.Integer(), server_default='0', nullable=False))
    op.add_column('related_person', sa.Column('agreed_on', sa.Date(), nullable=True))
    op.add_column('related_person', sa.Column('agreed_how', sa.String(), nullable=True))
    op.add_column('related_person', sa.Column('replaces_id', sa.Uuid(), nullable=True))
    op.add_column('treatment_change', sa.Column('withdrawn_why_sealed', sa.String(), nullable=True))
    guard()


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
    op.drop_column('treatment_change', 'withdrawn_why_sealed')
    op.drop_column('related_person', 'replaces_id')
    op.drop_column('related_person', 'agreed_how')
    op.drop_column('related_person', 'agreed_on')
    op.drop_column('contact', 'amendments')
    op.drop_column('chart_copy', 'changed_at')
    op.drop_index('ix_contact_amendment_patient', table_name='contact_amendment')
    op.drop_table('contact_amendment')
