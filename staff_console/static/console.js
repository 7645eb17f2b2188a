/* Evenkeel console. Everything here is an enhancement: each page works without it.
   Keys, drafts, idle warning, focus after a change. Nothing about a person is stored in
   the browser; drafts go to the server. */
(function () {
  "use strict";

  const body = document.body;
  const clockOffset = Date.parse(body.dataset.now) - Date.now() || 0;
  const now = () => Date.now() + clockOffset;
  const say = (text) => {
    const live = document.getElementById("live");
    live.textContent = "";
    setTimeout(() => { live.textContent = text; }, 60);
  };
  const open = (dialog) => { if (dialog && !dialog.open) dialog.showModal(); };

  /* --- focus: to the first error, else to the heading that changed, and say it --- */
  const focusChanged = (root) => {
    const target = root.querySelector("[data-error-summary]") || root.querySelector("[data-focus]");
    if (!target) return;
    target.focus({ preventScroll: target.classList.contains("ek-flash") });
    if (!target.hasAttribute("data-error-summary")) say(target.textContent.trim());
  };
  /* After a change the page opens at what changed: focus goes to its heading and the message is said, except when
     the message offers an undo. The browser moves focus itself when it scrolls to a fragment, so this comes after. */
  const flash = document.querySelector(".ek-flash");
  const changed = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  const opened = () => {
    if (changed && !document.querySelector("[data-error-summary]") && !(flash && flash.querySelector("form"))) {
      changed.tabIndex = -1;
      changed.focus();
      if (flash) say(flash.textContent.trim());
    } else focusChanged(document);
  };
  if (location.hash) {
    addEventListener("load", () => setTimeout(opened, 0));
    const flashes = document.getElementById("flashes");
    flashes.classList.add("ek-flashes-float");
    setTimeout(() => flashes.classList.toggle("ek-flashes-float", flashes.contains(document.activeElement) && flashes.matches(":focus-within")), 15000);
  } else opened();
  body.addEventListener("htmx:afterSettle", (event) => {
    const root = event.detail.elt;
    if (root.hasAttribute("data-quiet")) return;
    focusChanged(root);
    counters(root);
  });

  /* --- undo is offered only as long as the server accepts it --- */
  for (const form of document.querySelectorAll("[data-undo]")) {
    setTimeout(() => form.remove(), Number(form.dataset.undo) * 1000);
  }

  /* --- length of a text: how many messages it makes --- */
  const counters = (root) => {
    for (const area of root.querySelectorAll("[data-counter]")) {
      const out = document.querySelector('[data-counter-for="' + area.id + '"]');
      const show = () => {
        const length = [...area.value].length;
        const one = Number(area.dataset.counter);
        const parts = length <= one ? 1 : Math.ceil(length / (one - 7));
        out.textContent = length ? length + " characters, about " + parts + (parts === 1 ? " text" : " texts") : "";
      };
      area.addEventListener("input", show);
      show();
    }
  };
  counters(document);

  /* --- drafts: kept on the server, per author, shortly after typing stops --- */
  const saveDraft = async (form, note, keepalive) => {
    if (!form.dataset.dirty) return;
    delete form.dataset.dirty;
    try {
      const answer = await fetch(note.dataset.draftTo, { method: "POST", body: new URLSearchParams(new FormData(form)), credentials: "same-origin", keepalive });
      if (!answer.ok) throw new Error(String(answer.status));
      note.textContent = "Draft kept at " + new Date(now()).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
      asked();
    } catch {
      form.dataset.dirty = "yes";
      note.textContent = "The draft could not be kept. Your text is still here.";
    }
  };
  const drafts = [];
  for (const note of document.querySelectorAll("[data-draft-to]")) {
    const form = note.closest("form");
    let timer;
    note.textContent = "";
    drafts.push([form, note]);
    form.addEventListener("input", () => {
      form.dataset.dirty = "yes";
      clearTimeout(timer);
      timer = setTimeout(() => saveDraft(form, note, false), 1500);
    });
    form.addEventListener("submit", () => { clearTimeout(timer); delete form.dataset.dirty; });
  }
  const saveAll = () => { for (const [form, note] of drafts) saveDraft(form, note, true); };
  document.addEventListener("visibilitychange", () => { if (document.hidden) saveAll(); });

  /* --- a copy for the chart goes to the clipboard in one press --- */
  for (const button of document.querySelectorAll("[data-copy]")) {
    const text = document.getElementById(button.dataset.copy);
    const out = button.parentElement.querySelector("[data-copied]");
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text.value);
        out.textContent = "Copied.";
      } catch {
        text.focus();
        text.select();
        out.textContent = "Press Ctrl+C to copy the selected text.";
      }
    });
  }

  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }

  /* --- idle: the session ends this long after the last request of any tab; warn ahead --- */
  const ends = Number(body.dataset.idleEnds) * 1000;
  const warn = Number(body.dataset.idleWarn) * 1000;
  const dialog = document.getElementById("idle-dialog");
  const tabs = "BroadcastChannel" in window ? new BroadcastChannel("evenkeel-activity") : null;
  let last = Date.now();
  const heard = () => { last = Date.now(); if (dialog.open) dialog.close(); };
  const asked = () => { heard(); if (tabs) tabs.postMessage("asked"); };
  const typedIn = (form) => [...form.elements].some((field) => field.matches("textarea, input[type=text], input:not([type])") && !field.readOnly && field.value !== field.defaultValue);
  /* What is typed into a form without a draft goes with the session, and the warning says so. */
  const sayWhatIsKept = () => {
    const kept = drafts.map(([form]) => form);
    dialog.querySelector("[data-idle-kept]").hidden = !kept.some(typedIn);
    dialog.querySelector("[data-idle-lost]").hidden = ![...document.forms].some((form) => !kept.includes(form) && typedIn(form));
  };
  if (!ends && document.getElementById("unsaved-text")) setTimeout(() => { body.replaceChildren(); location.replace("/sign-in?ended=idle"); }, 900000);
  if (ends) {
    asked();
    if (tabs) tabs.onmessage = heard;
    body.addEventListener("htmx:afterRequest", (event) => { if (!event.detail.elt.hasAttribute("data-quiet")) asked(); });
    dialog.querySelector("[data-idle-keep]").addEventListener("click", async () => {
      const token = document.querySelector('input[name="_csrf"]').value;
      const answer = await fetch(body.dataset.idleStay, { method: "POST", body: new URLSearchParams({ _csrf: token }), credentials: "same-origin" });
      if (answer.ok) asked(); else location.assign(body.dataset.idleOut);
    });
    setInterval(() => {
      const left = last + ends - Date.now();
      if (left <= 0) { body.replaceChildren(); location.replace(body.dataset.idleOut); return; }
      if (left > warn) return;
      if (!dialog.open) { saveAll(); sayWhatIsKept(); if (last + ends - Date.now() <= warn) open(dialog); }
      const minutes = Math.ceil(left / 60000);
      dialog.querySelector("[data-idle-left]").textContent = left > 60000 ? minutes + " minutes" : Math.ceil(left / 1000) + " seconds";
    }, 1000);
  }

  /* --- timer: the minutes go on, and after ten without a sign of the person the page asks --- */
  let ticking;
  const runTimer = () => {
    const timer = document.querySelector("[data-timer]");
    clearInterval(ticking);
    if (!timer) return;
    const shown = timer.querySelector("[data-timer-shown]");
    const ask = timer.querySelector("[data-timer-ask]");
    const keep = timer.querySelector("[data-timer-keep]");
    const began = Date.now() - Number(timer.dataset.timer) * 1000;
    const idleAfter = Number(timer.dataset.timerIdle) * 1000;
    let sign = ask.hidden ? Date.now() : 0;
    let told = Date.now();
    const seen = () => {
      if (!ask.hidden) return;  // once asked, only an answer counts
      sign = Date.now();
      if (sign - told < 240000) return;
      told = sign;
      fetch(keep.action, { method: "POST", body: new URLSearchParams(new FormData(keep)), credentials: "same-origin", redirect: "manual" }).catch(() => { told = 0; });
    };
    for (const kind of ["pointerdown", "keydown", "scroll"]) document.addEventListener(kind, seen, { passive: true });
    ticking = setInterval(() => {
      shown.textContent = Math.floor((Date.now() - began) / 60000) + " min";
      if (ask.hidden && Date.now() - sign >= idleAfter) { ask.hidden = false; timer.classList.add("ek-timer-idle"); say("The timer is running. Still at work?"); }
    }, 5000);
  };
  runTimer();
  /* Started in place, so that what is typed on the page stays. A refusal has a page of its own. */
  body.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.elt.id !== "timer") return;
    runTimer();
    const stop = document.querySelector("#timer [data-timer-stop]");
    if (stop) { stop.focus(); say("Timer started."); }
  });
  body.addEventListener("htmx:responseError", (event) => {
    if (event.detail.elt.matches("[data-timer-start]")) event.detail.elt.submit();
  });

  /* --- keys: off in fields, and switched off altogether in the help dialog --- */
  const help = document.getElementById("help-dialog");
  const keySwitch = help.querySelector("[data-keys-on]");
  const store = (value) => { try { return value === undefined ? localStorage.getItem("evenkeel-keys") : localStorage.setItem("evenkeel-keys", value); } catch { return null; } };
  keySwitch.checked = store() !== "off";
  keySwitch.addEventListener("change", () => store(keySwitch.checked ? "on" : "off"));
  const label = (element) => element.getAttribute("aria-label") || (element.id === "search-box" ? "Find a patient" : element.firstChild.textContent.trim());
  const keys = () => [...document.querySelectorAll("[data-keys]")];
  const showHelp = () => {
    const list = help.querySelector("[data-keys-list]");
    list.replaceChildren();
    const rows = keys().map((element) => [element.dataset.keys, label(element)]);
    if (document.querySelector('[rel="next"]')) rows.push(["n", "Next"], ["p", "Previous"]);
    rows.push(["?", "This list"]);
    for (const [key, text] of rows) {
      const term = document.createElement("dt");
      for (const part of key.split(" ")) { const kbd = document.createElement("kbd"); kbd.textContent = part; term.append(kbd, " "); }
      const meaning = document.createElement("dd");
      meaning.textContent = text;
      list.append(term, meaning);
    }
    open(help);
  };
  const helpButton = document.querySelector("[data-help]");
  if (helpButton) { helpButton.hidden = false; helpButton.addEventListener("click", showHelp); }
  const press = (element) => { if (element.matches("input")) { element.focus(); element.select(); } else element.click(); };
  let first = "";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (event.key === "?") { event.preventDefault(); showHelp(); return; }
    if (!keySwitch.checked) return;
    const pair = first ? first + " " + event.key : event.key;
    first = "";
    const found = keys().find((element) => element.dataset.keys === pair)
      || (pair === "n" && document.querySelector('[rel="next"]'))
      || (pair === "p" && document.querySelector('[rel="prev"]'));
    if (found) { event.preventDefault(); press(found); return; }
    if (keys().some((element) => element.dataset.keys.startsWith(pair + " "))) {
      first = pair;
      setTimeout(() => { first = ""; }, 1200);
    }
  });
})();
