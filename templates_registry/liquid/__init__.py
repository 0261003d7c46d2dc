"""Liquid, the language of templates: checked when saved, compiled once an execution, rendered once a recipient.

Pure: strings and plain values in, text out; no Django. Fields are plain JSON values (dict, list, str, int, float,
bool, None), never objects of ours.
"""

from common.personalization import RESERVED_NAMES
from templates_registry.liquid.checks import check
from templates_registry.liquid.limits import (
    LimitExceeded,
    MissingVariable,
    OutputTooLarge,
    RenderError,
    TemplateError,
)
from templates_registry.liquid.links import Link, has_unsubscribe_link, html_problems, links
from templates_registry.liquid.part import Part, compile_part
from templates_registry.liquid.precedence import Precedence, merge_fields
from templates_registry.liquid.problems import Problem
from templates_registry.liquid.variables import Variable, variables

__all__ = (
    "RESERVED_NAMES",
    "LimitExceeded",
    "Link",
    "MissingVariable",
    "OutputTooLarge",
    "Part",
    "Precedence",
    "Problem",
    "RenderError",
    "TemplateError",
    "Variable",
    "check",
    "compile_part",
    "has_unsubscribe_link",
    "html_problems",
    "links",
    "merge_fields",
    "variables",
)
