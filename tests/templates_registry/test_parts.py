import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates_registry.parts import assemble, parse_data, sources


def test_data_of_a_push_is_taken_apart_key_by_key() -> None:
    content = {"title": "T", "body": "B", "link": "", "data": '{"sku": "{{ sku }}", "count": 3, "sale": true}'}
    assert {item.part: item.source for item in sources("push", content)} == {
        "title": "T",
        "body": "B",
        "data.sku": "{{ sku }}",
        "data.count": "3",
        "data.sale": "true",
    }


def test_rendered_data_is_put_together_again() -> None:
    assert assemble({"title": "T", "data.sku": 'a"b'}) == {"title": "T", "data": {"sku": 'a"b'}}


def test_html_is_escaped_as_html_and_everything_else_is_not() -> None:
    found = {item.part: item.escape for item in sources("email", {"subject": "S", "html": "H", "text": "T"})}
    assert found == {"subject": "text", "html": "html", "text": "text"}


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": {}}', '{"a": null}', '"x"', '{"a": [1]}'])
def test_data_that_is_no_flat_object_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"^The (data|value)"):
        parse_data(text)


def test_data_with_too_many_keys_names_the_limit() -> None:
    with pytest.raises(ValueError, match="at most 50 keys"):
        parse_data("{" + ",".join(f'"k{n}": 1' for n in range(51)) + "}")


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=10))
def test_no_value_can_break_out_of_the_data(values: dict[str, str]) -> None:
    rendered = {f"data.{key}": value for key, value in values.items()}
    assert assemble(rendered).get("data", {}) == values
