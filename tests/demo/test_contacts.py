import csv
import io

from executions.demo.contacts import COUNT, REFUSED, as_csv, awkward, contact, rows, tokens


def test_a_contact_follows_the_rule() -> None:
    assert contact(1) == {
        "external_id": "user-1",
        "email": "user1@example.test",
        "attributes": {
            "first_name": "Name1",
            "last_name": "O'Neil & Co1",
            "city": "Pune",
            "plan": "plus",
            "points": 1,
            "code": "C000001",
            "account_no": "A000000001",
            "store": "Store <1>",
            "gold": False,
            "recommendations": ["sku1", "sku1", "sku1"],
        },
    }


def test_everyone_has_no_to_three_devices_over_both_apps_and_no_two_the_same() -> None:
    found = [cell.split("|") for i in range(1, 101) for cell in tokens(i).values()]
    every = [token for cells in found for token in cells]
    assert len(every) == len(set(every)) == 25 * (0 + 1 + 2 + 3)
    assert {token.rpartition("-token")[0] for token in every} == {"shop-android", "shop-ios"}


def test_the_file_holds_ten_thousand_and_the_awkward_ones() -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv().decode())))
    assert len(lines) == COUNT + len(awkward())
    assert len({line["external_id"] for line in lines}) == len(lines)
    assert lines[-1]["external_id"] == REFUSED


def test_every_awkward_kind_is_there() -> None:
    by_id = {row["external_id"]: row for row in rows(0)}
    assert "first_name" not in by_id["awkward-no-name"]["attributes"]
    assert len(by_id["awkward-long-name"]["attributes"]["first_name"]) == 200
    assert by_id["awkward-twin-1"]["email"] == by_id["awkward-twin-2"]["email"]
    assert by_id["awkward-unreachable"]["email"] == ""
    assert not by_id["awkward-non-ascii"]["attributes"]["first_name"].isascii()
