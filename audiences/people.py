"""Who a call names, in memory: rows are applied one after another, as if each had been a call of its own. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from audiences.attributes import Attributes, merged, packed
from audiences.bad_value import BadValue
from audiences.contact_rows import AddressKey, AddressRow, ContactRow
from audiences.rights.said import Said
from common.channels import APP_TYPES

SUBSCRIBED, UNSUBSCRIBED = "subscribed", "unsubscribed"
_SKEW = timedelta(minutes=15)


class Verdict(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(slots=True, eq=False)
class Person:
    """`id` is None until a new one is written; `order` is then its place among the new."""

    id: int | None
    external_id: str | None
    attributes: Attributes = field(default_factory=dict)
    locale: str = ""
    timezone: str = ""
    temporary: bool = False
    packed: bytes = b"{}"
    order: int = 0
    changed: bool = False
    addresses: "dict[AddressKey, KnownAddress]" = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class KnownAddress:
    """`owner` is None while it belongs to a contact that the call does not name."""

    id: int | None
    key: AddressKey
    owner: Person | None
    platform: str = ""
    consent: str = SUBSCRIBED
    consent_source: str = ""
    consent_at: datetime | None = None
    changed: bool = False


class SaidAnew(NamedTuple):
    """A consent that was known, and is now said otherwise, or proven otherwise."""

    address: KnownAddress
    before: Said
    after: Said


@dataclass(slots=True)
class People:
    """Everyone a call names, by what names them; afterwards, what has to be written."""

    temporary: bool
    create_missing: bool
    attributes_mode: str
    existing: list[Person] = field(default_factory=list)
    by_external_id: dict[str, Person] = field(default_factory=dict)
    by_address: dict[AddressKey, Person] = field(default_factory=dict)
    tokens: dict[tuple[int, str], KnownAddress] = field(default_factory=dict)
    created: list[Person] = field(default_factory=list)
    added: list[KnownAddress] = field(default_factory=list)
    resubscribed: dict[AddressKey, datetime] = field(default_factory=dict)
    """Since when, by the newest proof."""
    said_anew: "list[SaidAnew]" = field(default_factory=list)
    refused: dict[AddressKey, dict[tuple[bool, int], Said]] = field(default_factory=dict)
    """Who has unsubscribed the address, by age: whoever comes with it anew is not asked less."""
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When a refusal was said that does not tell: no older proof lifts it."""

    def changed_addresses(self) -> list[KnownAddress]:
        everyone = (*self.existing, *self.created)
        known = [one for person in everyone for one in person.addresses.values()]
        return [one for one in known if one.changed and one.id is not None]

    def apply(self, row: ContactRow) -> tuple[Person, Verdict]:
        """Raises BadValue, having changed nothing, when the row can't be applied."""
        person = self._named(row)
        if person is None and not self.create_missing:
            raise BadValue("not_found", "This workspace has no such contact.", field=_naming_field(row))
        is_new = person is None
        person = person or Person(
            id=None, external_id=row.external_id, temporary=self.temporary, order=len(self.created)
        )
        changed = self._describe(person, row)
        if is_new:
            self._enter(person, row)
        for address in row.addresses:
            changed |= self._reach(person, address)
        person.changed |= changed
        return person, Verdict.CREATED if is_new else Verdict.UPDATED if changed else Verdict.UNCHANGED

    def part(self) -> None:
        """When all is written. People and addresses hold each other; parted they are freed at once, and not by a
        collection of cycles, which workers make rarely: they grew by 24 MB a chunk of an import until then."""
        for person in (*self.existing, *self.created):
            person.addresses.clear()

    def _named(self, row: ContactRow) -> Person | None:
        if row.external_id is not None:
            return self.by_external_id.get(row.external_id)
        return self.by_address.get(row.identifying)

    def _enter(self, person: Person, row: ContactRow) -> None:
        self.created.append(person)
        if row.external_id is not None:
            self.by_external_id[row.external_id] = person

    def _describe(self, person: Person, row: ContactRow) -> bool:
        """Attributes first: they alone can be refused."""
        changed = row.attributes is not None and self._merge(person, row.attributes, row.packed)
        if row.locale is not None and row.locale != person.locale:
            person.locale, changed = row.locale, True
        if row.timezone is not None and row.timezone != person.timezone:
            person.timezone, changed = row.timezone, True
        if person.temporary and not self.temporary:
            person.temporary, changed = False, True
        return changed

    def _merge(self, person: Person, given: Attributes, text: bytes) -> bool:
        result = given
        if person.attributes or None in given.values():
            result = merged(person.attributes, given, self.attributes_mode)
            text = _packed(result)
        # Python takes True for 1, so the texts are compared and not the objects.
        changed = text != person.packed
        person.attributes, person.packed = result, text
        return changed

    def _reach(self, person: Person, row: AddressRow) -> bool:
        known = self._known(person, row.key)
        if known is None:
            self._add(person, row)
            return True
        moved = known.owner is not person or known.key != row.key
        if moved:
            self._move(known, person, row.key)
        consented = self._consent(known, row)
        if row.platform and row.platform != known.platform:
            known.platform, moved = row.platform, True
        known.changed |= moved or consented
        return moved or consented

    def _known(self, person: Person, key: AddressKey) -> KnownAddress | None:
        kind, app, value = key
        if kind in APP_TYPES and app is not None:
            return self.tokens.get((app, value))
        return person.addresses.get(key)

    def _add(self, person: Person, row: AddressRow) -> None:
        said = self._first_said(row)
        known = KnownAddress(None, row.key, person, row.platform, *said)
        self._lift(row.key, _proof(said))
        if said.consent == UNSUBSCRIBED:
            self._note(known, said)
        self.added.append(known)
        self._index(known, person)

    def _first_said(self, row: AddressRow) -> Said:
        """Another contact's refusal of the same email or number holds for this one too, unless there is newer proof."""
        refusals = self.refused.get(row.key)
        if refusals and row.consent != UNSUBSCRIBED:
            newest = _newest([refusals[age] for age in sorted(refusals)])
            if row.consent is None or not _proven_after(row, newest.at):
                return newest
        return Said(row.consent or SUBSCRIBED, row.consent_source, self._at(row))

    def _at(self, row: AddressRow) -> datetime | None:
        """No refusal is from the future: it would outdo every proof to come."""
        if row.consent != UNSUBSCRIBED:
            return row.consent_at
        return min(row.consent_at or self.received_at, self.received_at)

    def _note(self, known: KnownAddress, said: Said) -> None:
        if known.owner is None or known.key[0] in APP_TYPES:
            return
        age = self._age(known.owner)
        if said.consent == UNSUBSCRIBED:
            self.refused.setdefault(known.key, {})[age] = said
        else:
            self.refused.get(known.key, {}).pop(age, None)

    def _move(self, known: KnownAddress, person: Person, key: AddressKey) -> None:
        """A device is whose who identified on it last."""
        if known.owner is not None:
            known.owner.addresses.pop(known.key, None)
            if known.owner is not person:
                known.owner.changed = True
        self.by_address.pop(known.key, None)
        known.owner, known.key = person, key
        self._index(known, person)

    def _index(self, known: KnownAddress, person: Person) -> None:
        kind, app, value = known.key
        person.addresses[known.key] = known
        if kind in APP_TYPES and app is not None:
            self.tokens[(app, value)] = known
            self.by_address[known.key] = person
        else:
            # Of several with one address the oldest is named, as the next call would find it.
            named = self.by_address.setdefault(known.key, person)
            if self._age(person) < self._age(named):
                self.by_address[known.key] = person

    def _age(self, person: Person) -> tuple[bool, int]:
        """Ids grow with age, and new people get theirs in the order of their making."""
        return (True, person.order) if person.id is None else (False, person.id)

    def _consent(self, known: KnownAddress, row: AddressRow) -> bool:
        if row.consent is None or not may_change(known, row):
            return False
        before, after = Said(known.consent, known.consent_source, known.consent_at), self._said_now(known, row)
        self._lift(known.key, _proof(Said(row.consent, row.consent_source, row.consent_at)))
        if before == after:
            return False
        self.said_anew.append(SaidAnew(known, before, after))
        known.consent, known.consent_source, known.consent_at = after
        self._note(known, after)
        return True

    def _said_now(self, known: KnownAddress, row: AddressRow) -> Said:
        """A refusal that is said again is the same one, unless it was said later."""
        consent, at = row.consent or known.consent, self._at(row)
        if consent != known.consent:
            return Said(consent, row.consent_source, at)
        later = row.consent_at is not None and at is not None and (known.consent_at is None or at > known.consent_at)
        if consent == UNSUBSCRIBED and not later:
            return Said(consent, known.consent_source or row.consent_source, known.consent_at)
        return Said(consent, row.consent_source or known.consent_source, at or known.consent_at)

    def _lift(self, key: AddressKey, proof: datetime | None) -> None:
        """By any proof, as who unsubscribed may have no address here since. What was said last in the call counts."""
        before = self.resubscribed.pop(key, proof)
        if proof is not None and before is not None:
            self.resubscribed[key] = max(proof, before)


def _newest(refusals: Sequence[Said]) -> Said:
    """The first of those that are as new."""
    return max(refusals, key=lambda said: said.at.timestamp() if said.at else float("inf"))


def _packed(attributes: Attributes) -> bytes:
    try:
        return packed(attributes)
    except BadValue as error:
        raise BadValue(error.code, error.message, field="attributes") from None


def may_change(known: KnownAddress, row: AddressRow) -> bool:
    """An unsubscribed address is subscribed again only by a consent that is proven, and newer than the refusal.

    Without the second half, importing last year's file again would undo every unsubscribing since.
    """
    if known.consent != UNSUBSCRIBED or row.consent != SUBSCRIBED:
        return True
    return _proven_after(row, known.consent_at)


def _proven_after(row: AddressRow, refused_at: datetime | None) -> bool:
    proof = _proof(Said(row.consent or "", row.consent_source, row.consent_at))
    return proof is not None and refused_at is not None and proof > refused_at


def _proof(said: Said) -> datetime | None:
    """When somebody subscribed, where that is proven. Not from the future: it would outdo every refusal to come."""
    if said.consent != SUBSCRIBED or not said.source or said.at is None or said.at > datetime.now(UTC) + _SKEW:
        return None
    return said.at


def _naming_field(row: ContactRow) -> str:
    if row.external_id is not None:
        return "external_id"
    kind = row.identifying[0]
    return {"email": "email", "sms": "phone"}.get(kind, "addresses")
