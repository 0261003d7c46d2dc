"""The people of the demo: ten thousand by a rule, the same on every machine, and a few awkward ones made by hand.

Values include quotes, ampersands and angle brackets on purpose: escaping is part of the work.
"""

import csv
import io
from collections.abc import Iterator
from typing import Any

import orjson

APP_IDS = ("shop-android", "shop-ios")
COUNT = 10_000
COLUMNS = ("external_id", "email", "consent", "locale", "attributes", *(f"push:{app_id}" for app_id in APP_IDS))
BOUNCED = "awkward-bounced"
REFUSED = "awkward-invalid"

Row = dict[str, Any]


def contact(i: int) -> Row:
    """Contact number i, from 1."""
    return {
        "external_id": f"user-{i}",
        "email": f"user{i}@example.test",
        "attributes": {
            "first_name": f"Name{i % 977}",
            "last_name": f"O'Neil & Co{i % 31}",
            "city": ("Paris", "Pune", "São Paulo", "Kyōto")[i % 4],
            "plan": ("basic", "plus", "pro")[i % 3],
            "points": i % 9999,
            "code": f"C{i % 999999:06d}",
            "account_no": f"A{i:09d}",
            "store": f"Store <{i % 50}>",
            "gold": i % 3 == 0,
            "recommendations": [f"sku{i % 91}", f"sku{i % 87}", f"sku{i % 71}"],
        },
    }


def tokens(i: int) -> Row:
    """The devices of contact number i: none to three, over both apps."""
    found: dict[str, list[str]] = {}
    for device in range(i % 4):
        app_id = APP_IDS[(i // 4 + device) % 2]
        found.setdefault(f"push:{app_id}", []).append(f"{app_id}-token-{i}-{device}")
    return {column: "|".join(values) for column, values in found.items()}


def awkward() -> list[Row]:
    """One of each kind that a campaign has to get right."""
    return [
        _person(1, "awkward-no-name", first_name=None),
        _person(2, "awkward-blank-name", first_name=""),
        _person(3, "awkward-no-last-name", last_name=None),
        _person(4, "awkward-non-ascii", first_name="Zoë 张伟", last_name="Đặng-Çelik", locale="vi-VN"),
        _person(5, "awkward-domain", email="post@bücher.example", first_name="Jürgen", locale="de-DE"),
        _person(6, "awkward-long-name", first_name="Wolfeschlegelstein " * 10 + "hausenberg"),
        _person(7, "awkward-markup", first_name='<b>"Bobby" & Co</b>', last_name="{{ 7 | times: 6 }}"),
        _person(8, "awkward-unsubscribed", consent="unsubscribed"),
        _person(9, "awkward-twin-1", email="twins@example.test", first_name="Castor"),
        _person(10, "awkward-twin-2", email="twins@example.test", first_name="Pollux"),
        _person(11, "awkward-unreachable", email=""),
        _person(12, "awkward-device-only", email="", **{"push:shop-ios": "shop-ios-token-device-only"}),
        _person(13, BOUNCED, email="no-such-mailbox@example.test"),
        _person(14, REFUSED, email="not-an-address"),
    ]


def _person(number: int, external_id: str, **changes: Any) -> Row:
    """Like contact 10,000 + `number`, except for what is named: columns, and attributes where None leaves one out."""
    row = contact(COUNT + number) | {"external_id": external_id, "email": f"{external_id}@example.test"}
    attributes = dict(row["attributes"])
    for name, value in changes.items():
        if name in COLUMNS:
            row[name] = value
        elif value is None:
            del attributes[name]
        else:
            attributes[name] = value
    return row | {"attributes": attributes}


def rows(count: int = COUNT) -> Iterator[Row]:
    yield from (contact(i) | tokens(i) for i in range(1, count + 1))
    yield from awkward()


def as_csv(count: int = COUNT) -> bytes:
    """The file that the demo uploads, as a customer's would be."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows(count):
        cells = row | {"attributes": orjson.dumps(row["attributes"]).decode()}
        writer.writerow([cells.get(column, "") for column in COLUMNS])
    return out.getvalue().encode()
