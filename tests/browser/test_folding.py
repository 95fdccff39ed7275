"""News become part of what the page knows: its pure functions against the plain way to do it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.box import Box

PLAY = """async (seed) => {
  const { foldConversation, foldMessages, foldPage, placeOf, NOTHING } =
    await import('/messenger/js/folding.js');
  let state = seed;
  const random = (below) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * below);
  };
  const ranks = ['SENT', 'DELIVERED', 'READ'];
  const fresh = (seq) => ({
    seq, message_id: `m${seq}`, user_id: random(3) ? 'bob' : 'me', category: 'PLAIN_TEXT',
    status: 'DELIVERED', recalled: false, disappeared: false,
  });
  const unread = (all) => all.filter((one) =>
    one.user_id !== 'me' && one.status !== 'READ' && !one.recalled && !one.disappeared).length;

  let all = Array.from({ length: 60 }, (_, seq) => fresh(seq + 1)); // as the sandbox has it
  let history = foldPage(NOTHING, all.slice(-20));
  let conversation = { unread: unread(all), last_message: all.at(-1) };
  const faults = [];
  for (let turn = 0; turn < 80; turn += 1) {
    const news = [];
    for (let count = random(4); count >= 0; count -= 1) {
      if (random(3)) all.push(fresh(all.length + 1));
      const index = random(3) ? all.length - 1 - random(10) : random(all.length);
      const changes = [{ status: ranks[random(3)] }, { recalled: true }, { disappeared: true }];
      const change = changes[random(3)];
      all[index] = { ...all[index], ...change };
      news.push(all[index], ...all.filter((one) => one.seq > (conversation.last_message?.seq ?? 0)
        && one !== all[index]));
    }
    // The newest state of each, as a page of changes has it, in any order.
    const latest = [...new Set(news.map((one) => one.seq))].map((seq) => all[seq - 1])
      .sort((a, b) => (random(4) ? a.seq - b.seq : b.seq - a.seq));
    const before = history.messages;
    const kept = JSON.stringify(before);
    const folded = foldConversation(conversation, latest, 'me', (id) =>
      history.messages.find((one) => one.message_id === id));
    history = foldMessages(history, latest);
    if (JSON.stringify(before) !== kept) faults.push('what was known was changed');
    conversation = folded.certain ? folded.conversation
      : { ...folded.conversation, unread: unread(all) };
    if (conversation.unread !== unread(all)) faults.push(`unread in turn ${turn}`);
    if (turn % 20 === 19 && !history.complete) {
      const first = history.messages[0]?.seq ?? Infinity;
      const older = all.filter((one) => one.seq < first && !one.disappeared).slice(-15);
      history = foldPage(history, older);
    }
    const start = history.complete ? 0 : history.messages[0]?.seq;
    const expected = all.filter((one) => one.seq >= start && !one.disappeared);
    if (JSON.stringify(history.messages) !== JSON.stringify(expected)) faults.push(`turn ${turn}`);
    const seq = random(all.length + 2);
    if (placeOf(history.messages, seq) !== history.messages.filter((one) => one.seq < seq).length) {
      faults.push('a wrong place');
    }
  }
  return faults;
}"""


@pytest.mark.parametrize("seeds", [range(1, 60)], ids=["seeds"])
async def test_folding_is_as_good_as_asking_anew(page: Page, box: Box, seeds: range) -> None:
    await page.goto(box.url)
    faults: dict[int, Any] = {}
    for seed in seeds:
        found = await page.evaluate(PLAY, seed * 7919)
        if found:
            faults[seed] = found
    assert faults == {}


async def test_an_answer_that_news_overtook_is_asked_for_again(page: Page, box: Box) -> None:
    bob, alice = await box.person("Bob"), await box.person("Alice")
    group = await box.control.call(
        "POST", f"/people/{bob}/conversations", {"name": "Tea", "participants": [alice]}
    )
    conversation = group["conversation_id"]
    await page.goto(box.messenger(alice))
    item = page.get_by_role("link", name="Tea")
    await expect(item).to_be_visible()
    answered, released = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        answer = await route.fetch()
        answered.set()
        await released.wait()
        await route.fulfill(response=answer)

    await page.route(f"**/conversations/{conversation}", hold)
    await box.control.call("POST", f"/people/{bob}/conversations/{conversation}", {"name": "Tea!"})
    await asyncio.wait_for(answered.wait(), 10)
    await box.send(bob, conversation_id=conversation, text="hot")
    await expect(item).to_contain_text("hot")
    released.set()
    await expect(item).to_contain_text("Tea!")
    await expect(item).to_contain_text("hot")
