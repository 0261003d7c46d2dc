"""What the columns of a header probably mean: by their names, in several spellings, and by what is in them. Pure."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from audiences.bad_value import BadValue
from audiences.csv_columns import OWN_COLUMNS, guessed
from audiences.email_address import parse_email
from audiences.files.cell_types import SEPARATORS, to_date, to_number
from audiences.files.targets import CONSENT, IGNORED, TOKEN_TYPES, Target
from audiences.locale_tag import parse_locale, parse_timezone
from audiences.phone_number import parse_phone

_SPELLINGS: dict[str, str] = {
    "external_id": "id externalid userid customerid contactid subscriberid memberid clientid recipientid personid uuid"
    " usernumber customernumber customerno userno externalref kundennummer kundennr",
    "email": "email mail emailaddress emailaddr emailid useremail contactemail customeremail subscriberemail"
    " primaryemail emailadresse mailadresse emailadress courriel adresseemail adressemail correo correoelectronico"
    " correoelectrónico почта электроннаяпочта",
    "phone": "phone phonenumber phoneno mobile mobilenumber mobileno mobilephone cell cellphone cellphonenumber tel"
    " telephone telephonenumber msisdn sms smsnumber smsphonenumber telefon telefonnummer handy handynummer"
    " mobilnummer telefono teléfono telefone celular móvil movil téléphone portable телефон",
    "whatsapp": "whatsapp whatsappnumber whatsappphone whatsappphonenumber wa",
    "locale": "locale language lang languagecode languagetag preferredlanguage sprache langue idioma",
    "timezone": "timezone timezonename tz zone tzname zeitzone",
    "attributes": "attributes customattributes attributesjson customfields",
    "consent": "consent emailconsent subscriptionstatus subscriptionstate consentstatus",
    "consent_source": "consentsource optinsource signupsource",
    "consent_at": "consentat consentdate consenttime consentedat optintime optindate optinat confirmtime",
}
_FIELDS = {spelling: field for field, spellings in _SPELLINGS.items() for spelling in spellings.split()}
_NAMES = {
    "fname": "first_name",
    "givenname": "first_name",
    "forename": "first_name",
    "vorname": "first_name",
    "prénom": "first_name",
    "lname": "last_name",
    "surname": "last_name",
    "familyname": "last_name",
    "nachname": "last_name",
}
_LISTS = {"tags", "tag", "interests", "categories", "groups", "labels", "segments", "topics", "hobbies", "lists"}
_CODES = re.compile(r"zip|postal|postcode|plz|phone|tel|code|number|nr\b|_no\b|(^|_)id$|sku|iban", re.IGNORECASE)
_BOOLEANS = {"true", "false", "yes", "no"}
_LONGEST_NUMBER = 15
_NAME_LENGTH = 100


def fingerprint(names: Iterable[str]) -> str:
    """Of a header, whatever the order of its columns."""
    return hashlib.sha256(orjson.dumps(sorted(names))).hexdigest()


def suggest(names: Sequence[str], rows: Sequence[Sequence[str]], *, typed: bool = False) -> dict[str, Target]:
    """By name of column. `rows` are the first ones, as texts; where the file knows types (`typed`) those are kept."""
    found: dict[str, Target] = {}
    taken: set[str] = set()
    for place, name in enumerate(names):
        values = [row[place].strip() for row in rows if place < len(row) and row[place].strip()]
        target = _field(name, values, taken) or _attribute(name, values, taken, typed=typed)
        taken.add(target.field)
        found[name] = target
    return found


def _field(name: str, values: Sequence[str], taken: set[str]) -> Target | None:
    if not name.strip() or name in OWN_COLUMNS:
        return Target(IGNORED)
    exact = guessed(name)
    if exact.field.partition(":")[0] in TOKEN_TYPES or exact.field in CONSENT:
        return exact
    field = _FIELDS.get(_letters(name)) if not exact.field.startswith("personalization.") else exact.field
    if field is None or field in taken or not _plausible(field, values):
        return None
    return Target(field)


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _plausible(field: str, values: Sequence[str]) -> bool:
    """Most of what is in the column can be that: a column Language of "English" is no locale."""
    parse = _PARSERS.get(field)
    if parse is None or not values:
        return True
    return sum(_fits(parse, value) for value in values) * 2 >= len(values)


_PARSERS: dict[str, Callable[[str], Any]] = {
    "email": parse_email,
    "phone": parse_phone,
    "whatsapp": parse_phone,
    "locale": parse_locale,
    "timezone": parse_timezone,
}


def _fits(parse: Callable[[str], Any], value: str) -> bool:
    try:
        parse(value)
    except BadValue:
        return False
    return True


def _attribute(name: str, values: Sequence[str], taken: set[str], *, typed: bool) -> Target:
    plain = _NAMES.get(_letters(name)) or _snake(name.removeprefix("attributes."))
    field = plain = plain[:_NAME_LENGTH]
    number = 2
    while f"attributes.{field}" in taken:
        field, number = f"{plain}_{number}", number + 1
    kind, option = ("", "") if typed else _type(plain, values)
    return Target(f"attributes.{field}", kind, option)


def _snake(name: str) -> str:
    """`First name`, `first-name` and `firstName` are first_name."""
    spread = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[^\w]+", "_", spread).strip("_").lower() or name.strip()


def _type(name: str, values: Sequence[str]) -> tuple[str, str]:
    """Type and option; nothing where it is text."""
    if not values:
        return "", ""
    if name in _LISTS:
        separator = max(SEPARATORS, key=lambda one: sum(one in value for value in values))
        return "list", "" if separator == SEPARATORS[0] else separator
    if all(value.lower() in _BOOLEANS for value in values):
        return "boolean", ""
    if not _CODES.search(name) and (decimal := _decimal(values)):
        return "number", "" if decimal == "." else decimal
    if order := _order(values):
        return "date", "" if order == "year_month_day" else order
    return "", ""


def _decimal(values: Sequence[str]) -> str:
    """With which decimal sign all are numbers; a number of many digits, or with zeros before it, is a code."""
    if any(_is_code(value) for value in values):
        return ""
    fitting = [sign for sign in (".", ",") if all(_fits(partial(to_number, decimal=sign), one) for one in values)]
    return fitting[0] if fitting and (len(fitting) == 1 or _all_digits(values)) else ""


def _all_digits(values: Sequence[str]) -> bool:
    return all(value.lstrip("-").isdecimal() for value in values)


def _is_code(value: str) -> bool:
    digits = value.lstrip("-")
    return value[:1] == "+" or len(digits) > _LONGEST_NUMBER or (digits[:1] == "0" and digits[1:2].isdecimal())


def _order(values: Sequence[str]) -> str:
    """In which order all are dates; nothing where they may be read in two ways."""
    if any(value.isdecimal() for value in values):
        return ""
    orders = ("year_month_day", "day_month_year", "month_day_year")
    fitting = [order for order in orders if all(_fits(partial(to_date, order=order), one) for one in values)]
    if "year_month_day" in fitting or len(fitting) == 1:
        return fitting[0]
    return "day_month_year" if fitting and all("." in value for value in values) else ""


def as_mapping(suggested: Mapping[str, Target]) -> dict[str, Any]:
    return {name: target.as_wire() for name, target in suggested.items()}
