"""Initial schema, roles, row-level security and the append-only audit log."""

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "0001"
down_revision = None

WALLED = ('inbound_message', 'message_status_event', 'outbox', 'patient', 'cover', 'coverage', 'draft', 'episode', 'patient_phone', 'risk_event', 'task', 'texting_consent', 'care_consent', 'check_in', 'contact_reminder', 'measure_plan', 'measure_run', 'registry_line', 'risk_action', 'risk_signal', 'sms_thread', 'status_change', 'time_entry', 'treatment_change', 'answer', 'measure_result')
TABLES = ('audit_event', 'check_in_link', 'clinic', 'dispatcher', 'heartbeat', 'idempotency_key', 'inbound_message', 'link_visit', 'message_status_event', 'number_stop', 'organisation', 'outbox', 'patient', 'staff', 'web_session', 'api_token', 'cover', 'coverage', 'draft', 'episode', 'holiday', 'patient_phone', 'recovery_code', 'risk_event', 'sender', 'staff_role', 'task', 'texting_consent', 'care_consent', 'check_in', 'contact_reminder', 'measure_plan', 'measure_run', 'registry_line', 'risk_action', 'risk_signal', 'sms_thread', 'status_change', 'time_entry', 'treatment_change', 'answer', 'measure_result')


def upgrade() -> None:
    op.create_table('audit_event',
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor_kind', sa.String(), nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=True),
    sa.Column('actor_roles', sa.String(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=True),
    sa.Column('action', sa.String(), nullable=False),
    sa.Column('object_type', sa.String(), nullable=False),
    sa.Column('object_id', sa.Uuid(), nullable=True),
    sa.Column('patient_id', sa.Uuid(), nullable=True),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.Column('session', sa.String(), nullable=True),
    sa.Column('request_id', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_audit_event')),
    sa.UniqueConstraint('id', name=op.f('uq_audit_event_id'))
    )
    op.create_index('ix_audit_event_patient', 'audit_event', ['patient_id', 'seq'], unique=False)
    op.create_table('check_in_link',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('token_hash', sa.String(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('check_in_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_check_in_link')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_check_in_link_token_hash'))
    )
    op.create_index(op.f('ix_check_in_link_check_in_id'), 'check_in_link', ['check_in_id'], unique=False)
    op.create_table('clinic',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('slug', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('text_name', sa.String(), nullable=False),
    sa.Column('zone', sa.String(), nullable=False),
    sa.Column('support_phone', sa.String(), nullable=False),
    sa.Column('hours_text', sa.String(), nullable=False),
    sa.Column('privacy_url', sa.String(), nullable=True),
    sa.Column('texting_mode', sa.String(), nullable=False),
    sa.Column('item9_channel', sa.String(), nullable=False),
    sa.Column('bulk_answers', sa.Boolean(), nullable=False),
    sa.Column('after_positive_item9', sa.String(), nullable=False),
    sa.Column('staffed_hours', sa.JSON(), nullable=False),
    sa.Column('window_start', sa.Time(), nullable=False),
    sa.Column('window_end', sa.Time(), nullable=False),
    sa.Column('minor_policy_signed_on', sa.Date(), nullable=True),
    sa.Column('item9_policy_signed_on', sa.Date(), nullable=True),
    sa.Column('default_responsible_id', sa.Uuid(), nullable=True),
    sa.Column('settings', sa.JSON(), nullable=False),
    sa.Column('npi', sa.String(), nullable=True),
    sa.Column('tax_id', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("item9_channel IN ('sms', 'link_only', 'staff_call')", name=op.f('ck_clinic_item9_channel')),
    sa.CheckConstraint("texting_mode IN ('simulation', 'live')", name=op.f('ck_clinic_texting_mode')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_clinic')),
    sa.UniqueConstraint('slug', name=op.f('uq_clinic_slug'))
    )
    op.create_table('dispatcher',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('paused_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('paused_reason', sa.String(), nullable=True),
    sa.Column('inbound_swept_to', sa.DateTime(timezone=True), nullable=True),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_dispatcher'))
    )
    op.create_table('heartbeat',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('last_run_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('duration_ms', sa.Integer(), nullable=False),
    sa.Column('counts', sa.JSON(), nullable=False),
    sa.Column('last_error', sa.String(), nullable=True),
    sa.Column('last_error_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_heartbeat'))
    )
    op.create_table('idempotency_key',
    sa.Column('caller', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('route', sa.String(), nullable=False),
    sa.Column('body_hash', sa.String(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('resource_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('caller', 'key', name=op.f('pk_idempotency_key'))
    )
    op.create_table('inbound_message',
    sa.Column('provider_sid', sa.String(), nullable=False),
    sa.Column('thread_id', sa.Uuid(), nullable=True),
    sa.Column('sender_id', sa.Uuid(), nullable=False),
    sa.Column('phone_key', sa.String(), nullable=False),
    sa.Column('phone_sealed', sa.String(), nullable=False),
    sa.Column('patient_id', sa.Uuid(), nullable=True),
    sa.Column('body_sealed', sa.String(), nullable=False),
    sa.Column('body_hash', sa.String(), nullable=False),
    sa.Column('media_count', sa.Integer(), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('via', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('classified_as', sa.String(), nullable=True),
    sa.Column('parser_version', sa.String(), nullable=True),
    sa.Column('applied_turn', sa.Integer(), nullable=True),
    sa.Column('check_in_id', sa.Uuid(), nullable=True),
    sa.Column('staff_seen_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("state IN ('applied', 'held', 'parked')", name=op.f('ck_inbound_message_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_inbound_message')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_inbound_message_clinic_id_id')),
    sa.UniqueConstraint('provider_sid', name=op.f('uq_inbound_message_provider_sid'))
    )
    op.create_index('ix_inbound_message_held', 'inbound_message', ['received_at'], unique=False, postgresql_where=sa.text("state = 'held'"), sqlite_where=sa.text("state = 'held'"))
    op.create_index('ix_inbound_message_patient', 'inbound_message', ['patient_id', 'received_at'], unique=False)
    op.create_index('ix_inbound_message_phone', 'inbound_message', ['clinic_id', 'phone_key', 'received_at'], unique=False)
    op.create_table('link_visit',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('cookie_hash', sa.String(), nullable=False),
    sa.Column('link_id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('check_in_id', sa.Uuid(), nullable=False),
    sa.Column('csrf', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_answer_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_link_visit')),
    sa.UniqueConstraint('cookie_hash', name=op.f('uq_link_visit_cookie_hash'))
    )
    op.create_index(op.f('ix_link_visit_link_id'), 'link_visit', ['link_id'], unique=False)
    op.create_table('message_status_event',
    sa.Column('outbox_id', sa.Uuid(), nullable=True),
    sa.Column('provider_sid', sa.String(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('error_code', sa.String(), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_message_status_event')),
    sa.UniqueConstraint('provider_sid', 'status', name=op.f('uq_message_status_event_provider_sid_status'))
    )
    op.create_index('ix_message_status_event_outbox', 'message_status_event', ['outbox_id'], unique=False)
    op.create_table('number_stop',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('phone_key', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('scope', sa.String(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=True),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('wording_sealed', sa.String(), nullable=True),
    sa.Column('source_id', sa.Uuid(), nullable=True),
    sa.Column('classifier_version', sa.String(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lifted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('lifted_by', sa.String(), nullable=True),
    sa.Column('lifted_source_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint("kind IN ('opt_out', 'wrong_number', 'carrier_opt_out', 'paused', 'invalid')", name=op.f('ck_number_stop_kind')),
    sa.CheckConstraint("scope IN ('organisation', 'clinic')", name=op.f('ck_number_stop_scope')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_number_stop'))
    )
    op.create_index('ix_number_stop_live', 'number_stop', ['phone_key'], unique=False, postgresql_where=sa.text('lifted_at IS NULL'), sqlite_where=sa.text('lifted_at IS NULL'))
    op.create_table('organisation',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("kind IN ('demo', 'standard')", name=op.f('ck_organisation_kind')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_organisation'))
    )
    op.create_table('outbox',
    sa.Column('message_class', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('dedupe_key', sa.String(), nullable=False),
    sa.Column('recipient_key', sa.String(), nullable=False),
    sa.Column('to_sealed', sa.String(), nullable=False),
    sa.Column('body_sealed', sa.String(), nullable=False),
    sa.Column('body_hash', sa.String(), nullable=False),
    sa.Column('segments', sa.Integer(), nullable=False),
    sa.Column('template', sa.String(), nullable=False),
    sa.Column('sender_id', sa.Uuid(), nullable=True),
    sa.Column('phone_id', sa.Uuid(), nullable=True),
    sa.Column('patient_id', sa.Uuid(), nullable=True),
    sa.Column('staff_id', sa.Uuid(), nullable=True),
    sa.Column('thread_id', sa.Uuid(), nullable=True),
    sa.Column('turn', sa.Integer(), nullable=True),
    sa.Column('check_in_id', sa.Uuid(), nullable=True),
    sa.Column('event_id', sa.Uuid(), nullable=True),
    sa.Column('prompts_patient', sa.Boolean(), nullable=False),
    sa.Column('not_before', sa.DateTime(timezone=True), nullable=False),
    sa.Column('not_after', sa.DateTime(timezone=True), nullable=False),
    sa.Column('live_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('priority', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('next_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('claim_token', sa.Uuid(), nullable=True),
    sa.Column('claim_expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('attempt', sa.Integer(), nullable=False),
    sa.Column('attempted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reads', sa.Integer(), nullable=False),
    sa.Column('resends', sa.Integer(), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('provider_sid', sa.String(), nullable=True),
    sa.Column('provider_status', sa.String(), nullable=True),
    sa.Column('status_rank', sa.Integer(), nullable=False),
    sa.Column('polls', sa.Integer(), nullable=False),
    sa.Column('error_code', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("channel IN ('sms', 'email')", name=op.f('ck_outbox_channel')),
    sa.CheckConstraint("message_class IN ('A', 'B', 'C', 'D')", name=op.f('ck_outbox_message_class')),
    sa.CheckConstraint("state IN ('pending', 'sending', 'unknown', 'accepted', 'simulated', 'suppressed', 'expired', 'failed')", name=op.f('ck_outbox_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_outbox_clinic_id_id')),
    sa.UniqueConstraint('dedupe_key', name=op.f('uq_outbox_dedupe_key')),
    sa.UniqueConstraint('provider_sid', name=op.f('uq_outbox_provider_sid'))
    )
    op.create_index('ix_outbox_next', 'outbox', ['next_at', 'priority'], unique=False, postgresql_where=sa.text('next_at IS NOT NULL'), sqlite_where=sa.text('next_at IS NOT NULL'))
    op.create_index('ix_outbox_patient', 'outbox', ['patient_id', 'created_at'], unique=False)
    op.create_index('ix_outbox_pending_patient', 'outbox', ['patient_id'], unique=False, postgresql_where=sa.text("state = 'pending'"), sqlite_where=sa.text("state = 'pending'"))
    op.create_index('ix_outbox_recipient', 'outbox', ['recipient_key', 'created_at'], unique=False)
    op.create_index('uq_outbox_in_flight', 'outbox', ['recipient_key'], unique=True, postgresql_where=sa.text("message_class = 'A' AND state IN ('sending', 'unknown')"), sqlite_where=sa.text("message_class = 'A' AND state IN ('sending', 'unknown')"))
    op.create_table('patient',
    sa.Column('family_name', sa.String(), nullable=False),
    sa.Column('given_name', sa.String(), nullable=False),
    sa.Column('name_key', sa.String(), nullable=False),
    sa.Column('mrn', sa.String(), nullable=True),
    sa.Column('birth_date', sa.Date(), nullable=True),
    sa.Column('sex', sa.String(), nullable=True),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('zone', sa.String(), nullable=True),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('second_channel', sa.String(), nullable=True),
    sa.Column('window_start', sa.Time(), nullable=True),
    sa.Column('window_end', sa.Time(), nullable=True),
    sa.Column('address_sealed', sa.String(), nullable=True),
    sa.Column('emergency_name_sealed', sa.String(), nullable=True),
    sa.Column('emergency_relation', sa.String(), nullable=True),
    sa.Column('emergency_phone_sealed', sa.String(), nullable=True),
    sa.Column('deceased_on', sa.Date(), nullable=True),
    sa.Column('is_test', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("channel IN ('sms_link', 'sms_items', 'portal', 'phone', 'none')", name=op.f('ck_patient_channel')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_patient')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_patient_clinic_id_id'))
    )
    op.create_index('ix_patient_name_key', 'patient', ['clinic_id', 'name_key'], unique=False)
    op.create_index('uq_patient_mrn', 'patient', ['clinic_id', 'mrn'], unique=True, postgresql_where=sa.text('mrn IS NOT NULL'), sqlite_where=sa.text('mrn IS NOT NULL'))
    op.create_table('staff',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('credentials', sa.String(), nullable=True),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('phone_sealed', sa.String(), nullable=True),
    sa.Column('phone_verified_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('npi', sa.String(), nullable=True),
    sa.Column('password_hash', sa.String(), nullable=True),
    sa.Column('totp_sealed', sa.String(), nullable=True),
    sa.Column('totp_last_step', sa.Integer(), nullable=True),
    sa.Column('totp_confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('failed_count', sa.Integer(), nullable=False),
    sa.Column('locked_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('disabled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_staff')),
    sa.UniqueConstraint('email', name=op.f('uq_staff_email'))
    )
    op.create_table('web_session',
    sa.Column('id_hash', sa.String(), nullable=False),
    sa.Column('staff_id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=True),
    sa.Column('stage', sa.String(), nullable=False),
    sa.Column('csrf', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id_hash', name=op.f('pk_web_session'))
    )
    op.create_index(op.f('ix_web_session_staff_id'), 'web_session', ['staff_id'], unique=False)
    op.create_table('api_token',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('token_hash', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_api_token_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_token')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_api_token_token_hash'))
    )
    op.create_table('cover',
    sa.Column('absent_id', sa.Uuid(), nullable=False),
    sa.Column('covering_id', sa.Uuid(), nullable=False),
    sa.Column('from_on', sa.Date(), nullable=False),
    sa.Column('until_on', sa.Date(), nullable=False),
    sa.Column('set_by_id', sa.Uuid(), nullable=True),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['absent_id'], ['staff.id'], name=op.f('fk_cover_absent_id')),
    sa.ForeignKeyConstraint(['covering_id'], ['staff.id'], name=op.f('fk_cover_covering_id')),
    sa.ForeignKeyConstraint(['set_by_id'], ['staff.id'], name=op.f('fk_cover_set_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cover'))
    )
    op.create_index('ix_cover_covering', 'cover', ['clinic_id', 'covering_id', 'until_on'], unique=False)
    op.create_table('coverage',
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('rank', sa.Integer(), nullable=False),
    sa.Column('payer', sa.String(), nullable=False),
    sa.Column('payer_id', sa.String(), nullable=True),
    sa.Column('plan', sa.String(), nullable=True),
    sa.Column('member_id_sealed', sa.String(), nullable=True),
    sa.Column('subscriber', sa.String(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_coverage_clinic_id_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_coverage'))
    )
    op.create_index('ix_coverage_patient', 'coverage', ['patient_id'], unique=False)
    op.create_table('draft',
    sa.Column('staff_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.String(), nullable=False),
    sa.Column('patient_id', sa.Uuid(), nullable=True),
    sa.Column('fields_sealed', sa.String(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_draft_clinic_id_patient_id')),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_draft_staff_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_draft')),
    sa.UniqueConstraint('clinic_id', 'staff_id', 'place', name=op.f('uq_draft_clinic_id_staff_id_place'))
    )
    op.create_table('episode',
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('referred_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('referred_by', sa.String(), nullable=False),
    sa.Column('referral_reason_sealed', sa.String(), nullable=False),
    sa.Column('enrolled_on', sa.Date(), nullable=True),
    sa.Column('target_condition', sa.String(), nullable=True),
    sa.Column('treating_clinician_id', sa.Uuid(), nullable=True),
    sa.Column('care_manager_id', sa.Uuid(), nullable=True),
    sa.Column('consultant_id', sa.Uuid(), nullable=True),
    sa.Column('initiating_visit_on', sa.Date(), nullable=True),
    sa.Column('initiating_visit_code', sa.String(), nullable=True),
    sa.Column('next_contact_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('next_contact_mode', sa.String(), nullable=True),
    sa.Column('next_contact_purpose_sealed', sa.String(), nullable=True),
    sa.Column('ended_on', sa.Date(), nullable=True),
    sa.Column('end_reason', sa.String(), nullable=True),
    sa.Column('status_before_hold', sa.String(), nullable=True),
    sa.Column('hold_review_on', sa.Date(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("status IN ('referred', 'active', 'relapse_prevention', 'on_hold', 'inactive_disengaged', 'ended')", name=op.f('ck_episode_status')),
    sa.ForeignKeyConstraint(['care_manager_id'], ['staff.id'], name=op.f('fk_episode_care_manager_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_episode_clinic_id_patient_id')),
    sa.ForeignKeyConstraint(['consultant_id'], ['staff.id'], name=op.f('fk_episode_consultant_id')),
    sa.ForeignKeyConstraint(['treating_clinician_id'], ['staff.id'], name=op.f('fk_episode_treating_clinician_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_episode')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_episode_clinic_id_id'))
    )
    op.create_index('ix_episode_next_contact', 'episode', ['next_contact_at'], unique=False, postgresql_where=sa.text('next_contact_at IS NOT NULL'), sqlite_where=sa.text('next_contact_at IS NOT NULL'))
    op.create_index('uq_episode_open', 'episode', ['patient_id'], unique=True, postgresql_where=sa.text("status <> 'ended'"), sqlite_where=sa.text("status <> 'ended'"))
    op.create_table('holiday',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.Column('on', sa.Date(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_holiday_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_holiday')),
    sa.UniqueConstraint('clinic_id', 'on', name=op.f('uq_holiday_clinic_id_on'))
    )
    op.create_table('patient_phone',
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('phone_sealed', sa.String(), nullable=False),
    sa.Column('phone_key', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('shared', sa.Boolean(), nullable=False),
    sa.Column('safe_to_text', sa.Boolean(), nullable=False),
    sa.Column('voicemail_ok', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('verified_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('replaced_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("state IN ('unverified', 'verified', 'wrong', 'unreachable')", name=op.f('ck_patient_phone_state')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_patient_phone_clinic_id_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_patient_phone')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_patient_phone_clinic_id_id'))
    )
    op.create_index('ix_patient_phone_key', 'patient_phone', ['clinic_id', 'phone_key'], unique=False, postgresql_where=sa.text('replaced_at IS NULL'), sqlite_where=sa.text('replaced_at IS NULL'))
    op.create_index('uq_patient_phone_current', 'patient_phone', ['patient_id'], unique=True, postgresql_where=sa.text('replaced_at IS NULL'), sqlite_where=sa.text('replaced_at IS NULL'))
    op.create_index('uq_patient_phone_owner', 'patient_phone', ['clinic_id', 'phone_key'], unique=True, postgresql_where=sa.text("replaced_at IS NULL AND shared = false AND state <> 'wrong'"), sqlite_where=sa.text("replaced_at IS NULL AND shared = false AND state <> 'wrong'"))
    op.create_table('recovery_code',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('staff_id', sa.Uuid(), nullable=False),
    sa.Column('code_hash', sa.String(), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_recovery_code_staff_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_recovery_code'))
    )
    op.create_index(op.f('ix_recovery_code_staff_id'), 'recovery_code', ['staff_id'], unique=False)
    op.create_table('risk_event',
    sa.Column('patient_id', sa.Uuid(), nullable=True),
    sa.Column('phone_key', sa.String(), nullable=True),
    sa.Column('episode_id', sa.Uuid(), nullable=True),
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('tier', sa.Integer(), nullable=False),
    sa.Column('toward', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('responsible_id', sa.Uuid(), nullable=True),
    sa.Column('acknowledged_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('acknowledged_by_id', sa.Uuid(), nullable=True),
    sa.Column('next_action_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('step', sa.Integer(), nullable=False),
    sa.Column('disposition_sealed', sa.String(), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_by_id', sa.Uuid(), nullable=True),
    sa.Column('is_drill', sa.Boolean(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("state IN ('open', 'acknowledged', 'assessed', 'closed')", name=op.f('ck_risk_event_state')),
    sa.CheckConstraint("toward IN ('self', 'others')", name=op.f('ck_risk_event_toward')),
    sa.ForeignKeyConstraint(['acknowledged_by_id'], ['staff.id'], name=op.f('fk_risk_event_acknowledged_by_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_risk_event_clinic_id_patient_id')),
    sa.ForeignKeyConstraint(['responsible_id'], ['staff.id'], name=op.f('fk_risk_event_responsible_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_risk_event')),
    sa.UniqueConstraint('clinic_id', 'code', name=op.f('uq_risk_event_clinic_id_code')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_risk_event_clinic_id_id'))
    )
    op.create_index('ix_risk_event_next', 'risk_event', ['next_action_at'], unique=False, postgresql_where=sa.text("state <> 'closed'"), sqlite_where=sa.text("state <> 'closed'"))
    op.create_index('uq_risk_event_open', 'risk_event', ['patient_id', 'toward'], unique=True, postgresql_where=sa.text("state <> 'closed' AND patient_id IS NOT NULL AND is_drill = false"), sqlite_where=sa.text("state <> 'closed' AND patient_id IS NOT NULL AND is_drill = false"))
    op.create_index('uq_risk_event_open_number', 'risk_event', ['clinic_id', 'phone_key', 'toward'], unique=True, postgresql_where=sa.text("state <> 'closed' AND patient_id IS NULL AND is_drill = false"), sqlite_where=sa.text("state <> 'closed' AND patient_id IS NULL AND is_drill = false"))
    op.create_table('sender',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('messaging_service_sid', sa.String(), nullable=True),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_sender_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sender')),
    sa.UniqueConstraint('number', name=op.f('uq_sender_number'))
    )
    op.create_table('staff_role',
    sa.Column('staff_id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.CheckConstraint("role IN ('care_manager', 'clinician', 'consultant', 'clinic_lead', 'biller', 'administrator')", name=op.f('ck_staff_role_role')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_staff_role_clinic_id')),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_staff_role_staff_id')),
    sa.PrimaryKeyConstraint('staff_id', 'clinic_id', 'role', name=op.f('pk_staff_role'))
    )
    op.create_table('task',
    sa.Column('patient_id', sa.Uuid(), nullable=True),
    sa.Column('episode_id', sa.Uuid(), nullable=True),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('dedupe_key', sa.String(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=True),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ref_kind', sa.String(), nullable=True),
    sa.Column('ref_id', sa.Uuid(), nullable=True),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_by_id', sa.Uuid(), nullable=True),
    sa.Column('outcome', sa.String(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_task_clinic_id_patient_id')),
    sa.ForeignKeyConstraint(['owner_id'], ['staff.id'], name=op.f('fk_task_owner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_task')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_task_clinic_id_id'))
    )
    op.create_index('ix_task_open', 'task', ['clinic_id', 'due_at'], unique=False, postgresql_where=sa.text('done_at IS NULL'), sqlite_where=sa.text('done_at IS NULL'))
    op.create_index('ix_task_patient', 'task', ['patient_id'], unique=False, postgresql_where=sa.text('done_at IS NULL'), sqlite_where=sa.text('done_at IS NULL'))
    op.create_index('uq_task_open', 'task', ['clinic_id', 'dedupe_key'], unique=True, postgresql_where=sa.text('done_at IS NULL'), sqlite_where=sa.text('done_at IS NULL'))
    op.create_table('texting_consent',
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('phone_key', sa.String(), nullable=False),
    sa.Column('basis', sa.String(), nullable=False),
    sa.Column('content_level', sa.String(), nullable=False),
    sa.Column('method', sa.String(), nullable=False),
    sa.Column('wording_version', sa.String(), nullable=False),
    sa.Column('risk_ack_version', sa.String(), nullable=True),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('recorded_by_id', sa.Uuid(), nullable=True),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("basis IN ('consent', 'exemption')", name=op.f('ck_texting_consent_basis')),
    sa.CheckConstraint("content_level IN ('link_only', 'items_by_sms')", name=op.f('ck_texting_consent_content_level')),
    sa.CheckConstraint("kind IN ('given', 'withdrawn')", name=op.f('ck_texting_consent_kind')),
    sa.CheckConstraint("method IN ('verbal', 'written', 'portal', 'sms')", name=op.f('ck_texting_consent_method')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_texting_consent_clinic_id_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_texting_consent'))
    )
    op.create_index('ix_texting_consent_patient', 'texting_consent', ['patient_id', 'recorded_at'], unique=False)
    op.create_table('care_consent',
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('method', sa.String(), nullable=False),
    sa.Column('given_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('recorded_by', sa.String(), nullable=False),
    sa.Column('recorded_by_id', sa.Uuid(), nullable=True),
    sa.Column('wording_version', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("kind IN ('given', 'withdrawn')", name=op.f('ck_care_consent_kind')),
    sa.CheckConstraint("method IN ('verbal', 'written', 'portal')", name=op.f('ck_care_consent_method')),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_care_consent_clinic_id_episode_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_care_consent'))
    )
    op.create_index('ix_care_consent_episode', 'care_consent', ['episode_id', 'given_at'], unique=False)
    op.create_table('check_in',
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('local_due_date', sa.Date(), nullable=False),
    sa.Column('local_time', sa.Time(), nullable=False),
    sa.Column('zone', sa.String(), nullable=False),
    sa.Column('instruments', sa.JSON(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('not_after', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('origin', sa.String(), nullable=False),
    sa.Column('content', sa.String(), nullable=True),
    sa.Column('next_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('prompts', sa.Integer(), nullable=False),
    sa.Column('queued_behind', sa.Boolean(), nullable=False),
    sa.Column('silenced_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('invited_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('first_answer_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('close_reason', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("state IN ('scheduled', 'invited', 'in_progress', 'completed', 'portal_completed', 'partial_expired', 'declined', 'cancelled', 'opted_out', 'missed', 'skipped_outage')", name=op.f('ck_check_in_state')),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_check_in_clinic_id_episode_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_check_in_clinic_id_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_check_in')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_check_in_clinic_id_id')),
    sa.UniqueConstraint('patient_id', 'local_due_date', name=op.f('uq_check_in_patient_id_local_due_date'))
    )
    op.create_index('ix_check_in_next', 'check_in', ['next_at', 'id'], unique=False, postgresql_where=sa.text('next_at IS NOT NULL'), sqlite_where=sa.text('next_at IS NOT NULL'))
    op.create_index('ix_check_in_patient_state', 'check_in', ['patient_id', 'state'], unique=False)
    op.create_table('contact_reminder',
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('contact_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('next_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("kind IN ('day_before', 'same_morning')", name=op.f('ck_contact_reminder_kind')),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_contact_reminder_clinic_id_episode_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact_reminder')),
    sa.UniqueConstraint('episode_id', 'contact_at', 'kind', name=op.f('uq_contact_reminder_episode_id_contact_at_kind'))
    )
    op.create_index('ix_contact_reminder_next', 'contact_reminder', ['next_at'], unique=False, postgresql_where=sa.text('next_at IS NOT NULL'), sqlite_where=sa.text('next_at IS NOT NULL'))
    op.create_table('measure_plan',
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('instrument_id', sa.String(), nullable=False),
    sa.Column('every_days', sa.Integer(), nullable=False),
    sa.Column('local_time', sa.Time(), nullable=False),
    sa.Column('anchor_on', sa.Date(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by_id', sa.Uuid(), nullable=True),
    sa.Column('replaced_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_measure_plan_clinic_id_episode_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_measure_plan_clinic_id_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_measure_plan')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_measure_plan_clinic_id_id'))
    )
    op.create_index('uq_measure_plan_current', 'measure_plan', ['patient_id', 'instrument_id'], unique=True, postgresql_where=sa.text('replaced_at IS NULL'), sqlite_where=sa.text('replaced_at IS NULL'))
    op.create_table('measure_run',
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('check_in_id', sa.Uuid(), nullable=True),
    sa.Column('instrument_id', sa.String(), nullable=False),
    sa.Column('instrument_version', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('entry_source', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("source IN ('check_in', 'staff_items', 'staff_total')", name=op.f('ck_measure_run_source')),
    sa.CheckConstraint("state IN ('open', 'completed', 'closed_partial')", name=op.f('ck_measure_run_state')),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_measure_run_clinic_id_episode_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_measure_run_clinic_id_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_measure_run')),
    sa.UniqueConstraint('check_in_id', 'instrument_id', name=op.f('uq_measure_run_check_in_id_instrument_id')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_measure_run_clinic_id_id'))
    )
    op.create_index('ix_measure_run_patient', 'measure_run', ['patient_id', 'instrument_id'], unique=False)
    op.create_table('registry_line',
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('name_key', sa.String(), nullable=False),
    sa.Column('family_name', sa.String(), nullable=False),
    sa.Column('given_name', sa.String(), nullable=False),
    sa.Column('mrn', sa.String(), nullable=True),
    sa.Column('birth_date', sa.Date(), nullable=True),
    sa.Column('care_manager_id', sa.Uuid(), nullable=True),
    sa.Column('treating_clinician_id', sa.Uuid(), nullable=True),
    sa.Column('consultant_id', sa.Uuid(), nullable=True),
    sa.Column('referred_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('enrolled_on', sa.Date(), nullable=True),
    sa.Column('phq9_first', sa.Integer(), nullable=True),
    sa.Column('phq9_last', sa.Integer(), nullable=True),
    sa.Column('phq9_last_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('phq9_item9', sa.String(), nullable=True),
    sa.Column('phq9_series', sa.JSON(), nullable=False),
    sa.Column('gad7_first', sa.Integer(), nullable=True),
    sa.Column('gad7_last', sa.Integer(), nullable=True),
    sa.Column('gad7_last_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('check_in_state', sa.String(), nullable=True),
    sa.Column('check_in_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('no_answer_count', sa.Integer(), nullable=False),
    sa.Column('opted_out', sa.Boolean(), nullable=False),
    sa.Column('next_check_in_on', sa.Date(), nullable=True),
    sa.Column('last_contact_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('next_contact_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('next_contact_mode', sa.String(), nullable=True),
    sa.Column('last_review_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('minutes_month', sa.String(), nullable=True),
    sa.Column('counted_seconds', sa.Integer(), nullable=False),
    sa.Column('open_risk', sa.Integer(), nullable=False),
    sa.Column('safety_flag', sa.Boolean(), nullable=False),
    sa.Column('severe_flag', sa.Boolean(), nullable=False),
    sa.Column('discuss_flag', sa.Boolean(), nullable=False),
    sa.Column('waiting_replies', sa.Integer(), nullable=False),
    sa.Column('open_tasks', sa.Integer(), nullable=False),
    sa.Column('sort_rank', sa.Integer(), nullable=False),
    sa.Column('overdue_since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_registry_line_clinic_id_episode_id')),
    sa.PrimaryKeyConstraint('episode_id', name=op.f('pk_registry_line'))
    )
    op.create_index('ix_registry_line_manager', 'registry_line', ['clinic_id', 'care_manager_id', 'sort_rank'], unique=False)
    op.create_index('ix_registry_line_name', 'registry_line', ['clinic_id', 'name_key', 'episode_id'], unique=False)
    op.create_index('ix_registry_line_order', 'registry_line', ['clinic_id', 'sort_rank', 'overdue_since', 'name_key', 'episode_id'], unique=False)
    op.create_index(op.f('ix_registry_line_patient_id'), 'registry_line', ['patient_id'], unique=False)
    op.create_table('risk_action',
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.Column('note_sealed', sa.String(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'event_id'], ['risk_event.clinic_id', 'risk_event.id'], name=op.f('fk_risk_action_clinic_id_event_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_risk_action'))
    )
    op.create_index('ix_risk_action_event', 'risk_action', ['event_id', 'at'], unique=False)
    op.create_table('risk_signal',
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('trigger', sa.String(), nullable=False),
    sa.Column('tier', sa.Integer(), nullable=False),
    sa.Column('value', sa.Integer(), nullable=True),
    sa.Column('source_kind', sa.String(), nullable=False),
    sa.Column('source_id', sa.Uuid(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('rule_version', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'event_id'], ['risk_event.clinic_id', 'risk_event.id'], name=op.f('fk_risk_signal_clinic_id_event_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_risk_signal')),
    sa.UniqueConstraint('source_kind', 'source_id', 'trigger', name=op.f('uq_risk_signal_source_kind_source_id_trigger'))
    )
    op.create_index('ix_risk_signal_event', 'risk_signal', ['event_id', 'at'], unique=False)
    op.create_table('sms_thread',
    sa.Column('phone_key', sa.String(), nullable=False),
    sa.Column('phone_sealed', sa.String(), nullable=False),
    sa.Column('sender_id', sa.Uuid(), nullable=False),
    sa.Column('active_check_in_id', sa.Uuid(), nullable=True),
    sa.Column('state', sa.JSON(), nullable=False),
    sa.Column('turn', sa.Integer(), nullable=False),
    sa.Column('wake_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('wake_turn', sa.Integer(), nullable=True),
    sa.Column('last_inbound_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['sender_id'], ['sender.id'], name=op.f('fk_sms_thread_sender_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sms_thread')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_sms_thread_clinic_id_id')),
    sa.UniqueConstraint('phone_key', 'sender_id', name=op.f('uq_sms_thread_phone_key_sender_id'))
    )
    op.create_index('ix_sms_thread_check_in', 'sms_thread', ['active_check_in_id'], unique=False, postgresql_where=sa.text('active_check_in_id IS NOT NULL'), sqlite_where=sa.text('active_check_in_id IS NOT NULL'))
    op.create_index('ix_sms_thread_wake', 'sms_thread', ['wake_at'], unique=False, postgresql_where=sa.text('wake_at IS NOT NULL'), sqlite_where=sa.text('wake_at IS NOT NULL'))
    op.create_table('status_change',
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('from_status', sa.String(), nullable=True),
    sa.Column('to_status', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('from_date', sa.Date(), nullable=False),
    sa.Column('review_on', sa.Date(), nullable=True),
    sa.Column('note_sealed', sa.String(), nullable=True),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('undone_by_id', sa.Uuid(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_status_change_clinic_id_episode_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_status_change'))
    )
    op.create_index('ix_status_change_episode', 'status_change', ['episode_id', 'at'], unique=False)
    op.create_table('time_entry',
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('staff_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('activity', sa.String(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seconds', sa.Integer(), nullable=False),
    sa.Column('note_sealed', sa.String(), nullable=True),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by_id', sa.Uuid(), nullable=True),
    sa.Column('supersedes_id', sa.Uuid(), nullable=True),
    sa.Column('superseded_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint('seconds >= 0', name=op.f('ck_time_entry_seconds')),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_time_entry_clinic_id_episode_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_time_entry_clinic_id_patient_id')),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_time_entry_staff_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_time_entry')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_time_entry_clinic_id_id')),
    sa.UniqueConstraint('supersedes_id', name=op.f('uq_time_entry_supersedes_id'))
    )
    op.create_index('ix_time_entry_clinic_start', 'time_entry', ['clinic_id', 'started_at'], unique=False)
    op.create_index('ix_time_entry_patient_start', 'time_entry', ['patient_id', 'started_at'], unique=False)
    op.create_index('ix_time_entry_staff_start', 'time_entry', ['staff_id', 'started_at'], unique=False)
    op.create_table('treatment_change',
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('on', sa.Date(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('what_sealed', sa.String(), nullable=False),
    sa.Column('new_antidepressant', sa.Boolean(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('source_id', sa.Uuid(), nullable=True),
    sa.Column('recorded_by_id', sa.Uuid(), nullable=True),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('withdrawn_by_id', sa.Uuid(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("source IN ('contact', 'review', 'elsewhere')", name=op.f('ck_treatment_change_source')),
    sa.ForeignKeyConstraint(['clinic_id', 'episode_id'], ['episode.clinic_id', 'episode.id'], name=op.f('fk_treatment_change_clinic_id_episode_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_treatment_change_clinic_id_patient_id')),
    sa.ForeignKeyConstraint(['recorded_by_id'], ['staff.id'], name=op.f('fk_treatment_change_recorded_by_id')),
    sa.ForeignKeyConstraint(['withdrawn_by_id'], ['staff.id'], name=op.f('fk_treatment_change_withdrawn_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_treatment_change')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_treatment_change_clinic_id_id'))
    )
    op.create_index('ix_treatment_change_episode', 'treatment_change', ['episode_id', 'on'], unique=False)
    op.create_table('answer',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('item_no', sa.Integer(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('value', sa.Integer(), nullable=True),
    sa.Column('raw_sealed', sa.String(), nullable=True),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('source_id', sa.Uuid(), nullable=True),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('replaced_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint("channel IN ('sms', 'portal', 'staff', 'api')", name=op.f('ck_answer_channel')),
    sa.CheckConstraint("kind IN ('value', 'declined')", name=op.f('ck_answer_kind')),
    sa.ForeignKeyConstraint(['clinic_id', 'run_id'], ['measure_run.clinic_id', 'measure_run.id'], name=op.f('fk_answer_clinic_id_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_answer')),
    sa.UniqueConstraint('run_id', 'item_no', 'revision', name=op.f('uq_answer_run_id_item_no_revision'))
    )
    op.create_index('uq_answer_current', 'answer', ['run_id', 'item_no'], unique=True, postgresql_where=sa.text('replaced_at IS NULL'), sqlite_where=sa.text('replaced_at IS NULL'))
    op.create_table('measure_result',
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('episode_id', sa.Uuid(), nullable=False),
    sa.Column('instrument_id', sa.String(), nullable=False),
    sa.Column('taken_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('raw_sum', sa.Integer(), nullable=False),
    sa.Column('n_answered', sa.Integer(), nullable=False),
    sa.Column('n_items', sa.Integer(), nullable=False),
    sa.Column('is_complete', sa.Boolean(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=True),
    sa.Column('prorated_total', sa.Integer(), nullable=True),
    sa.Column('band', sa.String(), nullable=True),
    sa.Column('item9', sa.String(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('scoring_version', sa.String(), nullable=False),
    sa.Column('filed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('replaced_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('replaced_reason_sealed', sa.String(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('clinic_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'run_id'], ['measure_run.clinic_id', 'measure_run.id'], name=op.f('fk_measure_result_clinic_id_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_measure_result'))
    )
    op.create_index('ix_measure_result_patient', 'measure_result', ['patient_id', 'instrument_id', 'taken_at'], unique=False)
    op.create_index('uq_measure_result_current', 'measure_result', ['run_id'], unique=True, postgresql_where=sa.text('replaced_at IS NULL'), sqlite_where=sa.text('replaced_at IS NULL'))
    guard()


def guard() -> None:
    if op.get_bind().dialect.name != "postgresql":
        for statement in walls.append_only_sqlite():
            op.execute(statement)
        return
    for statement in walls.roles():
        op.execute(statement)
    for table in TABLES:
        for statement in walls.grants(table):
            op.execute(statement)
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO evenkeel_app, evenkeel_worker")
    op.execute("GRANT SELECT ON alembic_version TO evenkeel_app, evenkeel_worker")
    for table in WALLED:
        for statement in walls.wall(table):
            op.execute(statement)
    for statement in walls.append_only_postgres():
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_event_append_only ON audit_event")
        op.execute("DROP FUNCTION evenkeel_append_only()")
    for table in reversed(TABLES):
        op.drop_table(table)
