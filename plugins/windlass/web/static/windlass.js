"use strict";
// The pages live in a frame of Airflow's UI, which forbids it to open links of the whole window; a link that is made
// in the outer document may.
const outer = window.parent === window ? null : window.parent;
const base = document.body.dataset.base;

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

function goTo(path) {
  const root = base.replace(/\/windlass$/, "");
  const page = (outer || window).document;
  const link = page.createElement("a");
  link.href = root + path;
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

// Parts of the page are fetched anew; whoever selects text or hovers keeps what is there until then.
async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { credentials: "same-origin" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const before = document.querySelectorAll("[data-refresh]");
  fresh.querySelectorAll("[data-refresh]").forEach((part, at) => {
    if (before[at] && before[at].innerHTML !== part.innerHTML) before[at].innerHTML = part.innerHTML;
  });
  const time = fresh.querySelector(".when");
  if (time) document.querySelector(".when").replaceWith(time);
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
    run.setAttribute("href", `/dags/${event.operation}/runs/${encodeURIComponent(event.run_id)}`);
    run.dataset.airflow = "";
  }
  item.append(time, what, run);
  return item;
}

function followLog() {
  const list = document.getElementById("log");
  const form = document.getElementById("filter");
  if (!list) return;
  const ask = async (after) => {
    const values = new FormData(form);
    const query = new URLSearchParams({ level: values.get("level"), host: values.get("host"), text: values.get("text") });
    if (after) query.set("after", after);
    const answer = await fetch(`${base}/api/clusters/${list.dataset.name}/log?${query}`, { credentials: "same-origin" });
    return answer.ok ? answer.json() : [];
  };
  const again = async () => {
    const events = await ask("");
    list.replaceChildren(...events.map(row));
    if (!events.length) list.innerHTML = '<li class="none">Nothing of that kind.</li>';
  };
  const more = async () => {
    if (document.hidden || !form.follow.checked) return;
    const newest = list.querySelector("li[data-entry]");
    const events = await ask(newest ? newest.dataset.entry : "");
    if (!events.length) return;
    list.querySelectorAll(".none").forEach((one) => one.remove());
    const rows = events.map(row);
    rows.forEach((one) => one.classList.add("fresh"));
    list.prepend(...rows);
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", again);
  setInterval(() => more().catch(() => {}), 2000);
}

// Airflow itself starts the run, and says who may.
async function start(button) {
  if (!window.confirm(button.dataset.ask)) return;
  button.disabled = true;
  const note = document.getElementById("started");
  const root = base.replace(/\/windlass$/, "");
  try {
    const answer = await fetch(`${root}/api/v2/dags/${button.dataset.run}/dagRuns`, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ logical_date: null, conf: JSON.parse(button.dataset.conf) }),
    });
    const said = await answer.json();
    note.hidden = false;
    if (!answer.ok) {
      note.textContent = `${button.dataset.run} was not started: ${typeof said.detail === "string" ? said.detail : answer.status}`;
      return;
    }
    const link = document.createElement("a");
    link.textContent = said.dag_run_id;
    link.setAttribute("href", `/dags/${said.dag_id}/runs/${encodeURIComponent(said.dag_run_id)}`);
    link.dataset.airflow = "";
    note.replaceChildren(`${said.dag_id} was started: `, link);
  } finally {
    button.disabled = false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-run]");
  if (button) start(button).catch(() => {});
});

followTheme();
followLog();
if (document.querySelector("[data-refresh]")) setInterval(() => refresh().catch(() => {}), 4000);
