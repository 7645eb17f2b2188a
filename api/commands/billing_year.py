"""`evenkeel billing rehearse`: a year of the demo clinic's bill, closed month by month and proved packet by packet."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from sqlalchemy import select

from api.commands.output import FOUND_SOMETHING, answer, json_option, refusals
from api.demo import people
from api.demo.dice import Dice
from api.demo.year import Place, Year, months_around, rehearse, working
from api.wiring import Deps, opened
from kernel import log, migrate
from registry.organisation import queries as organisation
from registry.organisation.tables import Staff


@click.command("rehearse")
@json_option
def command(as_json: bool) -> None:
    """Close twelve months of a fictional clinic, export them, and verify every audit packet. Exit 1 on a problem.

    Takes a minute or two, in a folder of its own that is removed afterwards.
    """
    with refusals(), tempfile.TemporaryDirectory(prefix="evenkeel-") as folder:
        log.configure("console")
        year = asyncio.run(_run(Path(folder)))
    lines = [
        f"{each.month}: {each.patient_months} patient-months, {each.lines} with lines, {each.files} files, "
        f"{each.packets} packets verified"
        for each in year.months
    ]
    answer(
        year,
        [*lines, *year.problems, "every packet is true" if not year.problems else "not true"],
        as_json=as_json,
    )
    if year.problems:
        raise SystemExit(FOUND_SOMETHING)


async def _run(folder: Path) -> Year:
    from api.commands.demo import settings_of
    from api.demo.seed import SEED, seed

    settings = settings_of(8000, folder)
    await migrate.migrate(settings.database_url)
    async with opened(settings, "web") as deps:
        await seed(deps)
        place = await _place(deps)
        now = deps.clock.now()
        months = months_around(now.astimezone(place.zone).date())
        return await rehearse(place, months, working(Dice(SEED), now))


async def _place(deps: Deps) -> Place:
    plan = people.HARBOR
    async with deps.system_db.begin() as tx:
        clinic = await organisation.clinic_by_slug(tx, plan.slug)
        assert clinic is not None
        staff = {row.name: row.id for row in await tx.all(select(Staff.id, Staff.name))}
        names = {person.role: person.name for person in plan.staff}
        biller = await organisation.actor_for(tx, staff[names["biller"]], clinic.id)
        lead = await organisation.actor_for(tx, staff[names["clinic_lead"]], clinic.id)
    assert biller is not None
    assert lead is not None
    return Place(deps.db, clinic.id, ZoneInfo(plan.zone), biller, lead)
