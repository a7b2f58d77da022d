// Where the keyboard is: what had the focus has it again when it is drawn anew, and when it goes, what
// is next to it has it.  Else it would fall to the top of the page.

const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

const usable = (one) => !one.disabled && one.tabIndex >= 0 && one.getClientRects().length > 0;

const all = (element) => [...element.querySelectorAll(FOCUSABLE)].filter(usable);

/** What makes a control the same one after it was drawn again. */
const identity = (one) =>
  JSON.stringify([
    one.tagName,
    one.type,
    one.type === "radio" ? one.closest("fieldset")?.textContent + one.value : "",
    one.getAttribute("aria-label") ?? (one.tagName === "BUTTON" ? one.textContent : ""),
    one.tagName === "INPUT" ? one.closest("label, .feature")?.textContent : "",
  ]);

/** Remembers what has the focus in an element, and gives what restores it after a change. */
export function held(element) {
  const focused = document.activeElement;
  if (!focused || focused === element || !element.contains(focused)) return () => {};
  const known = identity(focused);
  const at = all(element).indexOf(focused);
  return () => {
    const active = document.activeElement;
    if (active !== document.body && (active !== focused || usable(active))) return; // chosen anew
    const now = all(element);
    const same = now.filter((one) => identity(one) === known);
    let found = same.includes(focused) ? focused : (same[0] ?? now[Math.min(at, now.length - 1)]);
    for (let around = element; !found && around; around = around.parentElement) {
      found = all(around)[0];
    }
    found?.focus({ preventScroll: true });
  };
}

/** Makes a change after which the keyboard is where it was, or near. */
export function keeping(element, change) {
  const restore = held(element);
  change();
  restore();
}

/** Whether a button is at work: it keeps the focus, which a disabled one would lose. */
export function busy(button, working) {
  if (working) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

export const isBusy = (button) => button.hasAttribute("aria-disabled");
