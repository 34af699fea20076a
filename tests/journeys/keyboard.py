"""People who use no mouse: whatever a story clicks, they reach with Tab and press."""

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from playwright.sync_api import Locator, Page

FAR = 250  # Tab presses; nobody should need as many
WHERE = """([wanted, group]) => {
  const now = document.activeElement;
  if (now === wanted) return "there";
  if (group && now && now.type === "radio" && now.name === wanted.name) return "beside";
  return "elsewhere";
}"""
# How many presses of Tab surely lie between what has the focus and what is wanted: what takes part in the order of the page
# one by one, without radio buttons (one stop for a group) and what is closed or hidden.
BETWEEN = """wanted => {
  const kinds = "a[href], button:enabled, select:enabled, summary, textarea:enabled, input:enabled:not([type=hidden], [type=radio])";
  const open = one => one.checkVisibility({ visibilityProperty: true }) && !one.closest("[inert], dialog:not([open])");
  const stops = [...document.querySelectorAll(kinds)].filter(one => one.tabIndex >= 0 && open(one));
  const now = document.activeElement, from = stops.indexOf(now), to = stops.indexOf(wanted);
  return (from >= 0 || now === document.body) && to > from ? to - from : 0;
}"""
SEEN = """element => {
  const look = getComputedStyle(element), label = element.labels && element.labels[0];
  const marked = style => style.outlineStyle !== "none" || style.boxShadow !== "none";
  return marked(look) || (label ? marked(getComputedStyle(label)) : false);
}"""
CONTROL = """element => (element.matches("label") && element.control) || element.closest("a, button, summary, input, select") ||
  element.querySelector("a, button, summary, input, select") || element"""


LEADS_AWAY = """element => {
  const htmx = element.closest("[hx-get], [hx-post], [hx-boost]");
  if (htmx || element.closest("[download], [target=_blank]")) return false;
  if (element.matches("a[href]")) return !element.getAttribute("href").startsWith("#");
  return element.matches("button, input[type=submit]") && element.type === "submit" && element.form && element.form.checkValidity();
}"""


def reach(target: Locator) -> Any:
    """Press Tab until an element has the focus, and see that it shows."""
    target.wait_for(state="visible")
    page = target.page
    control = target.element_handle().evaluate_handle(CONTROL).as_element()
    assert control is not None
    radio = control.evaluate("element => element.type === 'radio'")
    for _ in range(page.evaluate(BETWEEN, control) - 1):
        page.keyboard.press("Tab")  # without asking each time: half of the time of a story went into it
    for _ in range(FAR):
        where = page.evaluate(WHERE, [control, radio])
        if where == "there":
            assert control.evaluate(SEEN), f"the focus on {target} does not show"
            return control
        page.keyboard.press("ArrowDown" if where == "beside" else "Tab")
    raise AssertionError(f"{target} is out of reach of the Tab key")


def press(target: Locator) -> None:
    """What a click is with a mouse."""
    control = reach(target)
    chosen = control.evaluate("element => element.type === 'radio' && element.checked")
    if chosen:
        return
    toggles = control.evaluate("element => ['checkbox', 'radio'].includes(element.type)")
    if control.evaluate(LEADS_AWAY):
        with target.page.expect_navigation():  # as a click waits for where it leads
            target.page.keyboard.press("Enter")
    else:
        target.page.keyboard.press("Space" if toggles else "Enter")


def tick(target: Locator) -> None:
    """What a tick is with a mouse."""
    if not target.is_checked():
        press(target)
        assert target.is_checked()


@contextlib.contextmanager
def by_keyboard(pages: list[Page]) -> Iterator[None]:
    """Let the people in front of some pages do without a mouse."""
    click, check = Locator.click, Locator.check

    def clicked(self: Locator, **options: Any) -> None:
        press(self) if self.page in pages and not options else click(self, **options)

    def checked(self: Locator, **options: Any) -> None:
        tick(self) if self.page in pages and not options else check(self, **options)

    with patch.object(Locator, "click", clicked), patch.object(Locator, "check", checked):
        yield
