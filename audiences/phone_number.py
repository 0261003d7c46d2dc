"""Phone numbers, kept in E.164. A number without a country code can't be told apart, and is refused."""

import re
from functools import cache

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber

from audiences.bad_value import BadValue, clean_text, shown

_E164 = re.compile(r"\+[1-9][0-9]{6,14}\Z")
_MOST_CODE_DIGITS = 3


def parse_phone(value: object) -> str:
    """`+` and digits; BadValue `invalid_address` says what is wrong.

    Possible numbers are accepted, not just assigned ones: numbering plans change faster than a library.
    """
    text = clean_text(value, name="A phone number", limit=100).strip()
    if _is_plain(text):
        return text
    if not text.startswith("+"):
        raise BadValue("invalid_address", f"{shown(text)} has no country code: begin it with +.")
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise BadValue("invalid_address", f"{shown(text)} is not a phone number.") from None
    if not phonenumbers.is_possible_number(number):
        raise BadValue("invalid_address", f"{shown(text)} is not a possible phone number of its country.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _is_plain(text: str) -> bool:
    """Certainly in E.164 and possible, by the library's own tables; asking it in full takes forty times as long.

    What may carry a national prefix, or begins with a zero, is not certain.
    """
    if not _E164.match(text):
        return False
    digits = _code_digits(text[1 : 1 + _MOST_CODE_DIGITS])
    if not digits:
        return False
    code, national = text[1 : 1 + digits], text[1 + digits :]
    prefix = _national_prefix(code)
    return national[0] != "0" and not (prefix and prefix.match(national)) and _is_possible(code, len(national))


@cache
def _code_digits(start: str) -> int:
    """How many of the first digits are the country code; 0 where they are none."""
    for length in range(1, _MOST_CODE_DIGITS + 1):
        if int(start[:length]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return length
    return 0


@cache
def _national_prefix(code: str) -> re.Pattern[str] | None:
    region = phonenumbers.region_code_for_country_code(int(code))
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
    pattern = metadata.national_prefix_for_parsing if metadata else None
    return re.compile(pattern) if pattern else None


@cache
def _is_possible(code: str, length: int) -> bool:
    """The length of a number is all that counts."""
    return bool(phonenumbers.is_possible_number(PhoneNumber(int(code), int("1" * length))))
