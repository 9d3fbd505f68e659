// What pages do beside htmx. All of it may be missing: every page works without.

// Focus goes to what has changed after a swap of the page's content, so that a screen
// reader begins there.
document.addEventListener("htmx:after:swap", (event) => {
  const target = event.detail?.ctx?.target ?? event.target;
  if (target?.id === "main") target.focus({ preventScroll: false });
});

// A box with data-selects="NAME" ticks all boxes of its form that are called NAME.
document.addEventListener("change", (event) => {
  const name = event.target.dataset?.selects;
  if (!name) return;
  for (const box of event.target.form?.elements ?? []) {
    if (box.name === name && box.type === "checkbox") box.checked = event.target.checked;
  }
});

// A form with data-sends="change" is sent when something in it is changed.
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form?.dataset.sends === "change" && !event.target.dataset.selects) form.requestSubmit();
});

// A button is pressed once: a form that is under way is not sent again.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 5000);
});
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
