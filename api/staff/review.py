"""Case reviews, and recommendations on their way to the patient."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response

from api.staff import examples
from api.staff.calls import (
    READ,
    ROOT,
    WRITE,
    Call,
    Created,
    Items,
    Key,
    created,
    only_id,
    within,
)
from api.wiring import Deps
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CARE, CLINICAL
from registry.recommendations import queries as recommended
from registry.recommendations import service as recommendations
from registry.recommendations.queries import RecommendationLine, RecommendationPage
from registry.recommendations.rules import ClinicianDecision, OrderForm, RecommendationForm
from registry.review import queries, service
from registry.review.queries import ReviewMeeting, ReviewPage
from registry.review.rules import DiscussionForm


class MeetingForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`care_manager_id` null: all caseloads of the clinic."""

    starts_at: datetime
    minutes: int
    consultant_id: UUID
    care_manager_id: UUID | None = None


class StepNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the patient was told, or says."""

    note: str | None = None


class UseNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the patient says. Not `in_use`, `note` says why."""

    note: str | None = None
    in_use: bool = True


class WithdrawalForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: str


@get(f"{ROOT}/case-reviews", opt=access.token(*CLINICAL), tags=["review"], summary="Case reviews", **READ)
async def reviews(request: WebRequest, deps: NamedDependency[Deps]) -> Items[ReviewMeeting]:
    """The newest hundred, latest first."""

    async def body(call: Call) -> Items[ReviewMeeting]:
        return Items(await queries.meetings(call.tx, call.actor, now=call.now))

    return await within(request, deps, body)


@post(
    f"{ROOT}/case-reviews", opt=access.token(*service.HOLDERS), tags=["review"],
    summary="Plan a case review", **WRITE,
)  # fmt: skip
async def plan_review(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[MeetingForm, BodyKwarg(examples=examples.MEETING)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Its agenda is built when it is opened."""

    async def create(call: Call) -> UUID:
        return await service.plan(
            call.tx, call.actor, starts_at=data.starts_at, minutes=data.minutes,
            consultant_id=data.consultant_id, care_manager_id=data.care_manager_id, now=call.now,
        )  # fmt: skip

    return await created(request, deps, idempotency_key, create, only_id)


@get(
    f"{ROOT}/case-reviews/{{review_id:uuid}}", opt=access.token(*CLINICAL), tags=["review"],
    summary="One case review with its agenda", **READ,
)  # fmt: skip
async def one_review(
    request: WebRequest, deps: NamedDependency[Deps], review_id: FromPath[UUID]
) -> ReviewPage:
    """Of a planned one, the agenda it would get now."""

    async def body(call: Call) -> ReviewPage:
        found = await queries.review(call.tx, call.actor, review_id, now=call.now)
        if found.meeting.state != "planned":
            return found
        return await queries.preview(call.tx, call.actor, review_id, now=call.now)

    return await within(request, deps, body)


@post(
    f"{ROOT}/case-reviews/{{review_id:uuid}}/open", opt=access.token(*service.HOLDERS), tags=["review"],
    summary="Open a case review", **WRITE,
)  # fmt: skip
async def open_review(
    request: WebRequest,
    deps: NamedDependency[Deps],
    review_id: FromPath[UUID],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Fixes the agenda as the registry stands."""

    async def create(call: Call) -> UUID:
        await service.open_review(call.tx, call.actor, review_id, now=call.now)
        return review_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(
    f"{ROOT}/case-reviews/items/{{item_id:uuid}}/discussion", opt=access.token(*service.HOLDERS),
    tags=["review"], summary="Say that a patient was discussed", **WRITE,
)  # fmt: skip
async def discuss(
    request: WebRequest,
    deps: NamedDependency[Deps],
    item_id: FromPath[UUID],
    data: Annotated[DiscussionForm, BodyKwarg(examples=examples.DISCUSSION)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """Note, minutes of everybody who took part, and the date of the last review, or nothing."""

    async def create(call: Call) -> UUID:
        await service.discuss(call.tx, call.actor, item_id, data, version=None, now=call.now)
        return item_id

    return await created(request, deps, idempotency_key, create, only_id)


@get(
    f"{ROOT}/recommendations", opt=access.token(*CLINICAL), tags=["review"],
    summary="Recommendations under way", **READ,
)  # fmt: skip
async def under_way(request: WebRequest, deps: NamedDependency[Deps]) -> Items[RecommendationLine]:
    """Longest overdue first; what is in use, declined or withdrawn is left out."""

    async def body(call: Call) -> Items[RecommendationLine]:
        return Items(await recommended.under_way(call.tx, call.actor, now=call.now))

    return await within(request, deps, body)


@get(
    f"{ROOT}/recommendations/{{recommendation_id:uuid}}", opt=access.token(*CLINICAL), tags=["review"],
    summary="One recommendation with its steps", **READ,
)  # fmt: skip
async def one_recommendation(
    request: WebRequest, deps: NamedDependency[Deps], recommendation_id: FromPath[UUID]
) -> RecommendationPage:
    """Who did what with it, and when."""
    return await within(
        request,
        deps,
        lambda call: recommended.recommendation(call.tx, call.actor, recommendation_id, now=call.now),
    )


@post(
    f"{ROOT}/patients/{{patient_id:uuid}}/recommendations", opt=access.token(*recommendations.ADVISERS),
    tags=["review"], summary="Recommend", **WRITE,
)  # fmt: skip
async def recommend(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[RecommendationForm, BodyKwarg(examples=examples.RECOMMENDATION)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """It goes to the treating clinician, who is told by e-mail that something waits. A key names the `author_id`."""

    async def create(call: Call) -> UUID:
        return await recommendations.send(
            call.tx, call.actor, patient_id, data, now=call.now, notices=deps.notices
        )

    return await created(request, deps, idempotency_key, create, only_id)


@post(
    f"{ROOT}/recommendations/{{recommendation_id:uuid}}/decision", opt=access.token(*CARE), tags=["review"],
    summary="Record a decision", **WRITE,
)  # fmt: skip
async def decide(
    request: WebRequest,
    deps: NamedDependency[Deps],
    recommendation_id: FromPath[UUID],
    data: Annotated[ClinicianDecision, BodyKwarg(examples=examples.DECISION)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """One that the clinician gave elsewhere (`via` ehr, phone or in_person): a key decides nothing itself."""

    async def create(call: Call) -> UUID:
        await recommendations.decide(call.tx, call.actor, recommendation_id, data, version=None, now=call.now)
        return recommendation_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(
    f"{ROOT}/recommendations/{{recommendation_id:uuid}}/order", opt=access.token(*CARE), tags=["review"],
    summary="Say that it was ordered", **WRITE,
)  # fmt: skip
async def order(
    request: WebRequest,
    deps: NamedDependency[Deps],
    recommendation_id: FromPath[UUID],
    data: Annotated[OrderForm, BodyKwarg(examples=examples.ORDER)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """With `change` it dates the change of treatment, the marker on the score trend."""

    async def create(call: Call) -> UUID:
        await recommendations.order(call.tx, call.actor, recommendation_id, data, version=None, now=call.now)
        return recommendation_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(
    f"{ROOT}/recommendations/{{recommendation_id:uuid}}/told", opt=access.token(*CARE), tags=["review"],
    summary="Say that the patient was told", **WRITE,
)  # fmt: skip
async def told(
    request: WebRequest,
    deps: NamedDependency[Deps],
    recommendation_id: FromPath[UUID],
    data: Annotated[StepNote, BodyKwarg(examples=examples.STEP_NOTE)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """After it was ordered."""

    async def create(call: Call) -> UUID:
        await recommendations.told(
            call.tx, call.actor, recommendation_id, data.note, version=None, now=call.now
        )
        return recommendation_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(
    f"{ROOT}/recommendations/{{recommendation_id:uuid}}/taking", opt=access.token(*CARE), tags=["review"],
    summary="Say whether it is in use", **WRITE,
)  # fmt: skip
async def taking(
    request: WebRequest,
    deps: NamedDependency[Deps],
    recommendation_id: FromPath[UUID],
    data: Annotated[UseNote, BodyKwarg(examples=examples.IN_USE)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """The patient takes it or has begun it: the loop is closed. Not in use, it is asked about again and discussed."""

    async def create(call: Call) -> UUID:
        await recommendations.taking(
            call.tx, call.actor, recommendation_id, data.note, version=None, now=call.now, in_use=data.in_use
        )
        return recommendation_id

    return await created(request, deps, idempotency_key, create, only_id)


@post(
    f"{ROOT}/recommendations/{{recommendation_id:uuid}}/withdraw", opt=access.token("clinic_lead"),
    tags=["review"], summary="Withdraw a recommendation", **WRITE,
)  # fmt: skip
async def withdraw(
    request: WebRequest,
    deps: NamedDependency[Deps],
    recommendation_id: FromPath[UUID],
    data: Annotated[WithdrawalForm, BodyKwarg(examples=examples.ADVICE_WITHDRAWAL)],
    idempotency_key: Key = None,
) -> Response[Created]:
    """What was done so far stays on record."""

    async def create(call: Call) -> UUID:
        await recommendations.withdraw(
            call.tx, call.actor, recommendation_id, data.reason, version=None, now=call.now
        )
        return recommendation_id

    return await created(request, deps, idempotency_key, create, only_id)


ROUTES: tuple[Any, ...] = (
    reviews, plan_review, one_review, open_review, discuss,
    under_way, one_recommendation, recommend, decide, order, told, taking, withdraw,
)  # fmt: skip
