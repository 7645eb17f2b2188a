"""Every table, in one place: what the migrations and their drift test compare against."""

from __future__ import annotations

import registry.episodes.tables
import registry.measures.tables
import registry.organisation.tables
import registry.patients.tables
import registry.plans.tables
import registry.safety.tables
import registry.time_log.tables
import registry.worklist.tables  # noqa: F401
from kernel.tables import Base

metadata = Base.metadata
