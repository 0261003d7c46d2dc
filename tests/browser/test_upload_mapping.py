"""An uploaded file's columns, mapped by mouse while its first rows show what comes of it."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from audiences.models import Contact
from tests.browser.gestures import add_from_menu, choose_file, save, write
from workspaces.models import Workspace

Picture = Callable[[str], None]
CSV = (
    "Customer no;E-mail address;First name;Points;Born;Interests;Note\n"
    "17;ana@example.test;Ana;1.234,5;31.01.1990;chess|go;likes blue\n"
    "18;bo@example.test;Bo;7;24.12.1985;go;\n"
    "19;cy@;Cy;many;01.02.2001;;x\n"
)


def test_columns_are_mapped_by_mouse(admin: Page, workspace: Workspace, tmp_path: Path, picture: Picture) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(CSV.encode("windows-1252"))
    add_from_menu(admin, "Uploads", "upload")
    choose_file(admin, admin.locator("input[type=file]"), file)
    save(admin)

    expect(admin.get_by_label("Customer no becomes")).to_have_value("external_id")
    expect(admin.get_by_label("E-mail address becomes")).to_have_value("email")
    expect(admin.get_by_label("Name for First name")).to_have_value("first_name")
    expect(admin.get_by_label("Interests is read as")).to_have_value("list")
    rows = admin.locator("[data-part=rows] tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(2)).to_contain_text("Refused")
    picture("upload-mapping")
    admin.get_by_label("Points is read as").select_option("number ,")
    expect(rows.first).to_contain_text("1234.5")
    expect(admin.get_by_label("Born is read as")).to_have_value("date day_month_year")
    expect(rows.first).to_contain_text("1990-01-31")
    write(admin.get_by_label("Name for Points"), "score")
    expect(admin.locator("[data-part=rows] thead")).to_contain_text("score")
    for column in ("Customer no", "E-mail address"):
        admin.get_by_label(f"{column} becomes").select_option("")
    expect(admin.locator("[data-part=errors]")).to_contain_text("No column says who a line is about")
    expect(admin.get_by_role("button", name="Start import")).to_be_disabled()
    admin.get_by_label("Customer no becomes").select_option("external_id")
    admin.get_by_label("E-mail address becomes").select_option("email")
    admin.get_by_label("Note becomes").select_option("")
    expect(admin.locator("[data-part=errors]")).to_be_empty()
    expect(rows).to_have_count(3)
    expect(admin.locator("[data-part=rows] thead")).not_to_contain_text("note")
    picture("upload-mapped")
    admin.get_by_role("button", name="Start import").click()

    expect(admin.locator("[data-part=state]")).to_have_text("Finished")
    expect(admin.locator("[data-count=rejected]")).to_have_text("1")
    expect(admin.locator("[data-part=pace]")).to_contain_text("rows a second")
    picture("upload-imported")
    ana = Contact.objects.get(workspace=workspace, external_id="17")
    assert ana.attributes == {
        "first_name": "Ana",
        "score": 1234.5,
        "born": "1990-01-31",
        "interests": ["chess", "go"],
    }
