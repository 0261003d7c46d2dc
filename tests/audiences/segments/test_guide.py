"""The examples of the guide's page on audiences are run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from audiences.audience_definition import read_audience
from audiences.segments.vocabulary import OPERATORS
from tests.api_client import Api
from tests.factories import make_campaign, make_list
from workspaces.models import Workspace

PAGE = (Path(__file__).parents[3] / "docs" / "guide" / "audiences.md").read_text()
BLOCKS: list[Any] = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
INLINE: list[Any] = [json.loads(one) for one in re.findall(r'- `(\{"type".*?\})`', PAGE)]
TRIED: list[Any] = [json.loads(one)["rule"] for one in re.findall(r"-d '\n(\{\"rule\".*?\})'", PAGE, re.DOTALL)]
RULES = [block for block in (*BLOCKS, *INLINE, *TRIED) if "type" in block]


def test_the_page_has_examples() -> None:
    assert (len(RULES), len(TRIED), len(INLINE)) == (8, 1, 2)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["type"])
def test_each_rule_can_be_tried(api: Api, workspace: Workspace, rule: dict[str, Any]) -> None:
    fixed, campaign = make_list(workspace), make_campaign(workspace, tags=["sale"])
    text = json.dumps(rule).replace("[42]", f"[{fixed.pk}]").replace("[10001]", f"[{campaign.pk}]")
    example = {"sku": "A-1"} if '"event": "sku"' in text else None
    answer = api.post("/api/v1/segments/preview", {"rule": json.loads(text), "event": example})
    assert (answer.status_code, answer.json()["count"]) == (200, 0), answer.content


def test_the_audience_is_one() -> None:
    [audience] = [block["audience"] for block in BLOCKS if "audience" in block]
    assert read_audience(audience).errors == ()


def test_every_operator_is_in_the_table() -> None:
    for operators in OPERATORS.values():
        for operator in operators:
            assert f"`{operator}`" in PAGE, operator
