import re

import pytest

from providers.domain_rates import parse_domain_rates, show_domain_rates


def test_a_line_is_a_domain_and_messages_a_second() -> None:
    rates = parse_domain_rates("Gmail.com 20\n\n  outlook.com\t0.5 \n* 100")
    assert rates == {"gmail.com": 20.0, "outlook.com": 0.5, "*": 100.0}
    assert parse_domain_rates(show_domain_rates(rates)) == rates
    assert parse_domain_rates(" \n") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gmail.com", "Line 1, 'gmail.com': write a domain"),
        ("\ngmail.com 20 30", "Line 2, 'gmail.com 20 30': write a domain"),
        ("gmail.com fast", "'fast' is not a number"),
        ("gmail.com nan", "the rate is from 0.1 to 100,000"),
        ("gmail.com inf", "the rate is from 0.1 to 100,000"),
        ("gmail.com 0", "the rate is from 0.1 to 100,000"),
        ("gmail.com -5", "the rate is from 0.1 to 100,000"),
        ("gmail 20", "a domain looks like gmail.com"),
        ("someone@gmail.com 20", "a domain looks like gmail.com"),
        ("*.com 20", "a domain looks like gmail.com"),
        ("gmail.com 20\nGMAIL.com 30", "Line 2: gmail.com is named twice"),
        ("\n".join(f"d{n}.test 1" for n in range(1001)), "At most 1,000 domains; these are 1,001."),
    ],
)
def test_nonsense_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_domain_rates(text)
