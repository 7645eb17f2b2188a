"""What a form shows again after it was refused: the values as typed, and one error per field."""

from collections.abc import Mapping

from msgspec import Struct, field


class Choice(Struct, frozen=True):
    value: str
    label: str
    help: str = ""


class FormState(Struct, frozen=True):
    """`values` and `errors` are keyed by field name.

    A field has a tuple of values because check boxes and repeated inputs have several. `id` prefixes element
    ids, so that two forms on one page can both have a field called `minutes`. `problem` is an error of the
    form as a whole ("Someone else changed this plan at 14:02"), shown above the fields; `note` tells of a draft that
    was brought back.
    """

    id: str
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    note: str = ""

    def value(self, name: str) -> str:
        return next(iter(self.values.get(name, ())), "")

    def chosen(self, name: str, value: str) -> bool:
        return value in self.values.get(name, ())

    def error(self, name: str) -> str:
        return self.errors.get(name, "")


def filled(form_id: str, **values: str) -> FormState:
    """A form with one value per field, as on first opening."""
    return FormState(id=form_id, values={name: (value,) for name, value in values.items()})
