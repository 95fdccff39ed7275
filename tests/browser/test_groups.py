"""Groups: made, changed and left on the page."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.box import Box


async def test_a_group_is_created_changed_and_left(page: Page, own_box: Box) -> None:
    alice, bob, eve = [await own_box.person(name) for name in ("Alice", "Bob", "Eve")]
    await page.goto(own_box.messenger(alice))
    await page.get_by_role("button", name="New conversation").first.click()
    await page.get_by_role("tab", name="Group").click()
    await page.get_by_label("Name of the group").fill("Tea")
    await page.get_by_role("checkbox", name="Bob").check()
    await page.get_by_role("button", name="Create group").click()
    await expect(page.get_by_role("region", name="Tea")).to_contain_text("2 members")

    await page.get_by_role("button", name="Details").last.click()
    dialog = page.get_by_role("dialog", name="Tea")
    await dialog.get_by_role("button", name="Add members").click()
    await dialog.get_by_role("checkbox", name="Eve").check()
    await dialog.get_by_role("button", name="Add", exact=True).click()
    await expect(dialog).to_contain_text("3 members")
    member = dialog.get_by_role("listitem").filter(has_text="Bob")
    await member.get_by_role("button", name="Make admin").click()
    await expect(member).to_contain_text("Admin")
    await dialog.get_by_role("button", name="Remove Eve").click()
    await expect(dialog).to_contain_text("2 members")
    await dialog.get_by_label("Name of the group").fill("Coffee")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("dialog", name="Coffee")).to_be_visible()
    code = dialog.page.get_by_label("Code to join with")
    before = await code.input_value()
    await page.get_by_role("button", name="New code").click()
    await expect(code).not_to_have_value(before)
    await page.get_by_label("Mute").select_option("For a week")
    (group,) = (await own_box.control.call("GET", f"/people/{bob}/conversations"))["conversations"]
    roles = {one["full_name"]: one["role"] for one in group["participants"]}
    assert (group["name"], roles) == ("Coffee", {"Alice": "OWNER", "Bob": "ADMIN"})

    await page.get_by_role("button", name="Leave group").click()
    await expect(page.get_by_text("No conversations yet")).to_be_visible()

    # Eve comes back by the code.
    await page.goto(own_box.messenger(eve))
    await page.get_by_role("button", name="New conversation").first.click()
    await page.get_by_role("tab", name="By code").click()
    await page.get_by_label("Code to join with").fill(group["code_id"])
    await page.get_by_role("button", name="Join group").click()
    await expect(page.get_by_role("region", name="Coffee")).to_contain_text("2 members")


async def test_what_is_refused_is_told(page: Page, box: Box) -> None:
    alice = await box.person("Alice")
    await page.goto(box.messenger(alice))
    await page.get_by_role("button", name="New conversation").first.click()
    await page.get_by_role("tab", name="By code").click()
    await page.get_by_label("Code to join with").fill("no code")
    await page.get_by_role("button", name="Join group").click()
    await expect(page.get_by_role("status").filter(has_text="code")).to_be_visible()
