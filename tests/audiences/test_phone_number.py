"""A number that is plainly in E.164 is not asked of the library, which would have said the same."""

from itertools import chain

import phonenumbers
from hypothesis import example, given
from hypothesis import strategies as st

from audiences.bad_value import BadValue
from audiences.phone_number import parse_phone

CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
MOBILES = [
    phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    if (number := phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE))
]
numbers = st.one_of(
    st.builds(
        lambda code, rest: f"+{code}{rest}", st.sampled_from(CODES), st.from_regex(r"[0-9]{4,11}", fullmatch=True)
    ),
    st.from_regex(r"\+[0-9]{1,17}", fullmatch=True),
)


def judged_by_the_library(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def judged(text: str) -> str | None:
    try:
        return parse_phone(text)
    except BadValue:
        return None


@given(numbers)
@example("+440207183875")  # a national prefix within
@example("+390612345678")  # a zero that belongs to the number
@example("+12025550123")
@example("+5491123456789")
@example("+800")
def test_it_is_kept_as_the_library_writes_it(text: str) -> None:
    assert judged(text) == judged_by_the_library(text)


def test_mobile_numbers_everywhere_are_kept() -> None:
    assert [judged(number) for number in MOBILES] == MOBILES
    shorter = list(chain.from_iterable((number[:-1], number + "1") for number in MOBILES))
    assert [judged(number) for number in shorter] == [judged_by_the_library(number) for number in shorter]
