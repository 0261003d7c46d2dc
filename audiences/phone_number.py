"""Phone numbers, kept in E.164. A number without a country code can't be told apart, and is refused."""

import phonenumbers

from audiences.bad_value import BadValue, clean_text, shown


def parse_phone(value: object) -> str:
    """`+` and digits; BadValue `invalid_address` says what is wrong.

    Possible numbers are accepted, not just assigned ones: numbering plans change faster than a library.
    """
    text = clean_text(value, name="A phone number", limit=100).strip()
    if not text.startswith("+"):
        raise BadValue("invalid_address", f"{shown(text)} has no country code: begin it with +.")
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise BadValue("invalid_address", f"{shown(text)} is not a phone number.") from None
    if not phonenumbers.is_possible_number(number):
        raise BadValue("invalid_address", f"{shown(text)} is not a possible phone number of its country.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
