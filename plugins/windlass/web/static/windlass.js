"use strict";
// The pages live in a frame of Airflow's UI, which forbids it to open links of the whole window; a link that is made
// in the outer document may.
const outer = window.parent === window ? null : window.parent;
const { base, root } = document.body.dataset;

function followTheme() {
  if (!outer) return;
  try {
    const root = outer.document.documentElement;
    const set = () => {
      const isDark = root.classList.contains("dark") || root.dataset.theme === "dark";
      document.documentElement.dataset.theme = isDark ? "dark" : "light";
    };
    set();
    new MutationObserver(set).observe(root, { attributes: true });
  } catch { /* another origin: the system's colours do */ }
}

// Of a path that has all of where Airflow is in it.
function goTo(path) {
  const page = (outer || window).document;
  const link = page.createElement("a");
  link.href = path;
  page.body.append(link);
  link.click();
  link.remove();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-airflow]");
  if (!link) return;
  event.preventDefault();
  goTo(link.getAttribute("href"));
});

async function ask(path, options = {}) {
  const answer = await fetch(path, { credentials: "same-origin", signal: AbortSignal.timeout(30000), ...options });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

// One request at a time, the next a while after the last was answered, and ever fewer of a server that does not answer.
function every(milliseconds, act) {
  let wait = milliseconds;
  const turn = async () => {
    try {
      if (!document.hidden && (await act()) === false) return;
      wait = milliseconds;
    } catch {
      wait = Math.min(wait * 2, 60000);
    }
    setTimeout(turn, wait);
  };
  setTimeout(turn, milliseconds);
}

// Put what is new into a part of the page; what was opened stays open, and the keyboard where it was.
function renew(part, html) {
  if (part.dataset.shown === html) return;
  const open = [...part.querySelectorAll("details[open][data-key]")].map((one) => one.dataset.key);
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.innerHTML = html;
  part.dataset.shown = html;
  part.querySelectorAll("details[data-key]").forEach((one) => { one.open = one.open || open.includes(one.dataset.key); });
  if (focused) document.getElementById(focused)?.focus();
}

async function refresh() {
  const answer = await ask(location.href);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (document.querySelector("[data-until]") && !fresh.querySelector("[data-until]")) {
    location.reload();
    return false;
  }
  const before = document.querySelectorAll("[data-refresh]");
  fresh.querySelectorAll("[data-refresh]").forEach((part, at) => {
    if (before[at] && before[at].innerHTML !== part.innerHTML) renew(before[at], part.innerHTML);
  });
  const time = fresh.querySelector(".when");
  if (time) document.querySelector(".when").replaceWith(time);
  return true;
}

function row(event) {
  const item = document.createElement("li");
  item.className = event.level;
  item.dataset.entry = event.name;
  const [day, clock] = [event.time.slice(0, 10), event.time.slice(11, 19)];
  const time = document.createElement("time");
  time.title = event.time;
  const bold = document.createElement("b");
  bold.textContent = clock;
  time.append(day + " ", bold);
  const what = document.createElement("span");
  what.className = "what";
  what.textContent = event.text;
  if (event.reason) {
    const quote = document.createElement("q");
    quote.textContent = event.reason;
    what.append(" ", quote);
  }
  const run = document.createElement(event.run_id ? "a" : "span");
  run.className = "run";
  run.textContent = event.operation;
  if (event.run_id) {
    run.setAttribute("href", `${root}/dags/${event.operation}/runs/${encodeURIComponent(event.run_id)}`);
    run.dataset.airflow = "";
  }
  item.append(time, what, run);
  return item;
}

function followLog() {
  const list = document.getElementById("log");
  const form = document.getElementById("filter");
  if (!list) return;
  const events = async (after) => {
    const values = new FormData(form);
    const query = new URLSearchParams({ level: values.get("level"), host: values.get("host"), text: values.get("text") });
    if (after) query.set("after", after);
    return (await ask(`${base}/api/clusters/${list.dataset.name}/log?${query}`)).json();
  };
  const again = async () => {
    const found = await events("");
    list.replaceChildren(...found.map(row));
    if (!found.length) list.innerHTML = '<li class="none">Nothing of that kind.</li>';
  };
  const more = async () => {
    if (!form.follow.checked) return;
    const newest = list.querySelector("li[data-entry]");
    const found = await events(newest ? newest.dataset.entry : "");
    if (!found.length) return;
    list.querySelectorAll(".none").forEach((one) => one.remove());
    const rows = found.map(row);
    rows.forEach((one) => one.classList.add("fresh"));
    list.prepend(...rows);
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => again().catch(() => {}));
  every(2000, more);
}

// The frame that Airflow shows pages in lets no page ask by the browser's own dialogs.
function sure(text, word) {
  const dialog = document.createElement("dialog");
  const words = document.createElement("p");
  words.textContent = text;
  const form = document.createElement("form");
  form.method = "dialog";
  form.className = "actions";
  for (const [value, label] of [["yes", word], ["no", "Not now"]]) {
    const button = document.createElement("button");
    button.value = value;
    button.textContent = label;
    button.className = value === "yes" ? "main" : "";
    button.autofocus = value === "no";
    form.append(button);
  }
  dialog.append(words, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

function tell(text, isBad = false) {
  const note = document.getElementById("told");
  note.hidden = false;
  note.classList.toggle("bad", isBad);
  note.textContent = text;
}

// What went wrong, in the server's words.
function reason(said, status) {
  const detail = said && said.detail;
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) return detail.map((one) => one.msg || JSON.stringify(one)).join("; ");
  return (detail && (detail.text || detail.reason)) || `the server answered ${status}`;
}

async function send(method, path, body, signal = AbortSignal.timeout(60000)) {
  const answer = await fetch(path, {
    method,
    signal,
    credentials: "same-origin",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const said = await answer.json().catch(() => null);
  if (answer.ok) return said;
  throw Object.assign(new Error(reason(said, answer.status)), { said, status: answer.status });
}

// Airflow itself starts the run, and says who may.
function startRun(dag, conf) {
  return send("POST", `${root}/api/v2/dags/${dag}/dagRuns`, { logical_date: null, conf });
}

// Shows a run as it comes up; `ended` is told how it ended, and the digest of its plan.
function showRun(cluster, dag, run, box, ended) {
  const path = `${base}/cluster/${encodeURIComponent(cluster)}/run/${dag}/${encodeURIComponent(run)}`;
  const turn = { stopped: false };
  every(1500, async () => {
    if (turn.stopped) return false;
    const text = await (await ask(path)).text();
    if (turn.stopped) return false;
    renew(box, text);
    const first = box.querySelector("[data-run-state]");
    if (!first || ["queued", "running"].includes(first.dataset.runState)) return true;
    ended(first.dataset.runState, first.dataset.planDigest);
    return false;
  });
  return turn;
}

async function press(button) {
  if (!(await sure(button.dataset.ask, button.textContent))) return;
  button.disabled = true;
  try {
    const said = await startRun(button.dataset.run, JSON.parse(button.dataset.conf));
    tell(`${said.dag_id} was started: ${said.dag_run_id}`);
  } catch (error) {
    tell(`${button.dataset.run} was not started: ${error.message}`, true);
  } finally {
    button.disabled = false;
  }
}

async function answer(button) {
  const { dag, runId, task, mapIndex } = button.dataset;
  if (!(await sure(`${button.dataset.answer}: ${button.closest(".question").querySelector("h4").textContent}`, button.dataset.answer))) return;
  const place = [dag, "dagRuns", runId, "taskInstances", task, mapIndex, "hitlDetails"].map(encodeURIComponent).join("/");
  try {
    await send("PATCH", `${root}/api/v2/dags/${place}`, { chosen_options: [button.dataset.answer], params_input: {} });
    tell(`The answer is given: ${button.dataset.answer}.`);
    await refresh();
  } catch (error) {
    tell(`The answer was not taken: ${error.message}`, true);
  }
}

document.addEventListener("click", (event) => {
  const started = event.target.closest("button[data-run]");
  const answered = event.target.closest("button[data-answer]");
  if (started) press(started);
  if (answered) answer(answered);
});

function confOf(form) {
  const conf = { cluster: form.dataset.cluster };
  for (const one of form.querySelectorAll("[data-kind]")) {
    const { kind } = one.dataset;
    if (kind === "switch") conf[one.name] = one.checked;
    else if (kind === "checks") conf[one.name] = [...(conf[one.name] || []), ...(one.checked ? [one.value] : [])];
    else if (one.value.trim()) conf[one.name] = kind === "names" ? one.value.split(",").map((name) => name.trim()).filter(Boolean) : one.value;
  }
  return conf;
}

// A form whose plan is shown before it is started, where there is one.
function actOn(form) {
  const { dag, cluster } = form.dataset;
  const plans = JSON.parse(form.dataset.plans);
  const pins = JSON.parse(form.dataset.pins);
  let planned = null;
  let shown = null;
  const plan = async () => {
    const said = await startRun(dag, { ...confOf(form), plan_only: true });
    tell("The plan is being made.");
    if (shown) shown.stopped = true;
    shown = showRun(cluster, said.dag_id, said.dag_run_id, document.getElementById("plan"), (state, digest) => {
      planned = state === "success" ? { digest } : null;
      tell(planned ? "This is the plan. Nothing was changed." : "There is no plan: see what is wrong.", !planned);
    });
  };
  const start = async (title) => {
    const unseen = plans && !planned ? " Its plan was not shown." : "";
    if (!(await sure(`${title} ${cluster} now?${unseen}`, title))) return;
    const pinned = pins && planned && planned.digest ? { plan_digest: planned.digest } : {};
    await startRun(dag, { ...confOf(form), ...pinned });
    location.href = `${base}/cluster/${encodeURIComponent(cluster)}`;
  };
  form.addEventListener("input", () => { planned = null; });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.submitter;
    button.disabled = true;
    try {
      await (button.value === "plan" ? plan() : start(button.textContent));
    } catch (error) {
      tell(`${dag} was not started: ${error.message}`, true);
    } finally {
      button.disabled = false;
    }
  });
}

followTheme();
followLog();
if (document.getElementById("action")) actOn(document.getElementById("action"));
if (document.querySelector("[data-refresh]")) every(4000, refresh);
