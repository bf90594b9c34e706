"use strict";
// The form and the text of a spec: each change of one is sent to the server, which says what the other is then, and
// what is wrong. Rules and words are the server's alone.
const text = document.getElementById("spec");
const deploy = document.getElementById("deploy");
const buttons = ["plan-it", "deploy-it", "preview-it"].map((id) => document.getElementById(id)).filter(Boolean);
let current = null; // the form's values as the server has read them
let valid = null; // { name, text } while nothing is wrong
let planned = null; // { text, digest } once a plan was shown
let shownPlan = null;
let underWay = new AbortController();
let timer = 0;

const clean = (one) => one.value.trim();

function fieldsIn(box) {
  return box ? [...box.querySelectorAll("[data-kind]")] : [];
}

function answersIn(box, before) {
  const asked = fieldsIn(box);
  const named = new Set(asked.map((one) => one.name));
  const others = Object.entries(before || {}).filter(([name]) => !named.has(name));
  const given = asked.filter((one) => one.dataset.kept || clean(one));
  return Object.fromEntries([...others, ...given.map((one) => [one.name, one.dataset.kept ? JSON.parse(one.dataset.kept) : clean(one)])]);
}

function boxOf(set, name) {
  return [...set.querySelectorAll("[data-asks]")].find((one) => one.dataset.asks === name);
}

function collect() {
  const drivers = { ...current.drivers };
  for (const set of deploy.querySelectorAll("[data-slot]")) {
    const picked = set.querySelector("input[type=radio]:checked");
    const { slot } = set.dataset;
    const before = drivers[slot] && picked && drivers[slot].name === picked.value ? drivers[slot].answers : {};
    if (picked) drivers[slot] = { name: picked.value, answers: answersIn(boxOf(set, picked.value), before) };
  }
  const stacks = { ...current.stacks };
  for (const set of deploy.querySelectorAll("[data-stack]")) {
    const { stack } = set.dataset;
    if (set.querySelector("[name=stack]").checked) stacks[stack] = answersIn(boxOf(set, stack), stacks[stack]);
    else delete stacks[stack];
  }
  const version = deploy.querySelector("[name=version]:checked");
  return {
    name: clean(deploy.elements.namedItem("name")),
    version: version ? version.value : current.version,
    connection: clean(deploy.elements.namedItem("connection")),
    user: clean(deploy.elements.namedItem("user")),
    trust: deploy.elements.namedItem("trust").checked,
    hosts: [...document.querySelectorAll("#hosts > li")].map((row) => ({
      name: clean(row.querySelector("[data-host=name]")),
      address: clean(row.querySelector("[data-host=address]")),
      roles: [...row.querySelectorAll("[data-role]:checked")].map((one) => one.dataset.role),
    })),
    drivers,
    stacks,
  };
}

function addHost(host) {
  const row = document.getElementById("host-row").content.firstElementChild.cloneNode(true);
  row.querySelector("[data-host=name]").value = host.name;
  row.querySelector("[data-host=address]").value = host.address || "";
  row.querySelectorAll("[data-role]").forEach((one) => { one.checked = host.roles.includes(one.dataset.role); });
  document.getElementById("hosts").append(row);
}

function nameRows() {
  document.querySelectorAll("#hosts > li").forEach((row, at) => {
    row.querySelector("legend").textContent = `Host ${at + 1}`;
    row.querySelector("[data-remove]").setAttribute("aria-label", `Remove host ${at + 1}`);
  });
}

function put(one, value) {
  const isOther = value !== null && typeof value === "object";
  one.disabled = isOther;
  if (isOther) one.dataset.kept = JSON.stringify(value);
  else delete one.dataset.kept;
  one.value = isOther ? "" : value ?? "";
}

function showAnswers(set, name, answers) {
  set.querySelectorAll("[data-asks]").forEach((box) => { box.hidden = box.dataset.asks !== name; });
  fieldsIn(boxOf(set, name)).forEach((one) => put(one, answers[one.name]));
}

function show(form) {
  current = form;
  for (const name of ["name", "connection", "user"]) deploy.elements.namedItem(name).value = form[name];
  deploy.elements.namedItem("trust").checked = form.trust;
  deploy.querySelectorAll("[name=version]").forEach((one) => { one.checked = one.value === form.version; });
  document.getElementById("hosts").replaceChildren();
  form.hosts.forEach(addHost);
  nameRows();
  for (const set of deploy.querySelectorAll("[data-slot]")) {
    const picked = form.drivers[set.dataset.slot];
    set.querySelectorAll("input[type=radio]").forEach((one) => { one.checked = one.value === picked.name; });
    showAnswers(set, picked.name, picked.answers);
  }
  for (const set of deploy.querySelectorAll("[data-stack]")) {
    const answers = form.stacks[set.dataset.stack];
    set.querySelector("[name=stack]").checked = Boolean(answers);
    showAnswers(set, answers ? set.dataset.stack : "", answers || {});
  }
}

function goToLine(line) {
  const start = text.value.split("\n").slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  text.focus();
  text.setSelectionRange(start, start + (text.value.split("\n")[line - 1] || "").length);
}

function showProblems(told) {
  const box = document.getElementById("problems");
  valid = told.valid ? { name: told.name, text: text.value } : null;
  buttons.forEach((one) => { one.disabled = !valid; });
  const list = document.createElement("ul");
  list.className = "problems";
  for (const one of told.problems) {
    const item = document.createElement("li");
    const link = document.createElement("button");
    link.type = "button";
    link.className = "line";
    link.textContent = one.text;
    link.addEventListener("click", () => goToLine(one.line));
    item.append(link);
    list.append(item);
  }
  const well = document.createElement("p");
  well.className = "well";
  well.textContent = told.valid;
  box.replaceChildren(told.valid ? well : list);
}

async function askServer(path, body) {
  underWay.abort();
  underWay = new AbortController();
  return send("POST", `${base}/api/spec/${path}`, body, underWay.signal);
}

function failed(error) {
  if (error.name === "AbortError") return;
  const detail = error.said && error.said.detail;
  if (detail && detail.problems) showProblems(detail);
  tell(error.message, true);
}

async function textChanged() {
  const told = await askServer("check", { text: text.value });
  if (told.form) show(told.form);
  showProblems(told);
}

async function formChanged() {
  if (!current) return;
  const form = collect();
  const told = await askServer("fill", { text: text.value, form });
  current = form;
  text.value = told.text;
  document.getElementById("told").hidden = true;
  showProblems(told);
}

// So long after the last key; a change meanwhile takes the place of one that is on its way.
function soon(act) {
  valid = null;
  planned = null;
  buttons.forEach((one) => { one.disabled = true; });
  underWay.abort();
  clearTimeout(timer);
  timer = setTimeout(() => act().catch(failed), 350);
}

async function preview() {
  const found = await askServer("preview", { text: text.value });
  const box = document.getElementById("preview");
  box.hidden = false;
  const parts = Object.entries(found.hosts).map(([host, stacks]) => {
    const part = document.createElement("details");
    const title = document.createElement("summary");
    title.textContent = `${host}: ${Object.keys(stacks).join(", ")}`;
    part.append(title);
    for (const [stack, file] of Object.entries(stacks)) {
      const name = document.createElement("h4");
      name.textContent = `${stack}/compose.yaml`;
      const shown = document.createElement("pre");
      shown.tabIndex = 0;
      shown.textContent = file;
      part.append(name, shown);
    }
    return part;
  });
  box.querySelector("div").replaceChildren(...parts);
  box.scrollIntoView({ block: "nearest" });
}

async function plan() {
  const asked = valid;
  const said = await startRun("apply_cluster", { cluster: asked.name, spec: asked.text, plan_only: true });
  const box = document.getElementById("plan-box");
  box.hidden = false;
  box.scrollIntoView({ block: "nearest" });
  if (shownPlan) shownPlan.stopped = true;
  shownPlan = showRun(asked.name, said.dag_id, said.dag_run_id, document.getElementById("plan"), (state, digest) => {
    if (state === "success") planned = { text: asked.text, digest };
  });
}

async function run() {
  const asked = valid;
  const there = await fetch(`${base}/api/clusters/${encodeURIComponent(asked.name)}`, { credentials: "same-origin" });
  const what = there.ok ? `A cluster ${asked.name} is there already. Change it to this spec?` : `Deploy ${asked.name} now?`;
  const isSeen = planned && planned.text === asked.text;
  if (!(await sure(what + (isSeen ? "" : " Its plan was not shown."), there.ok ? "Change it" : "Deploy"))) return;
  const pinned = isSeen && planned.digest ? { plan_digest: planned.digest } : {};
  await startRun("apply_cluster", { cluster: asked.name, spec: asked.text, ...pinned });
  location.href = `${base}/cluster/${encodeURIComponent(asked.name)}`;
}

function onPress(id, act) {
  const button = document.getElementById(id);
  if (!button) return;
  button.addEventListener("click", async () => {
    button.disabled = true;
    await act().catch(failed);
    button.disabled = !valid;
  });
}

deploy.addEventListener("submit", (event) => event.preventDefault());
deploy.addEventListener("input", (event) => {
  const set = event.target.closest("[data-slot], [data-stack]");
  if (set && ["radio", "checkbox"].includes(event.target.type)) {
    const name = event.target.type === "radio" ? event.target.value : event.target.checked ? set.dataset.stack : "";
    showAnswers(set, name, {});
  }
  soon(formChanged);
});
deploy.addEventListener("click", (event) => {
  const preset = event.target.closest("[data-preset]");
  const removed = event.target.closest("[data-remove]");
  if (preset) {
    const addresses = collect().hosts.map((one) => one.address);
    document.getElementById("hosts").replaceChildren();
    JSON.parse(deploy.dataset.presets)[preset.dataset.preset].forEach((host, at) => addHost({ ...host, address: addresses[at] }));
  } else if (removed) {
    removed.closest("li").remove();
    document.getElementById("add-host").focus();
  } else if (event.target.id === "add-host") {
    addHost({ name: "", roles: ["worker"] });
    document.querySelector("#hosts > li:last-child [data-host=name]").focus();
  } else {
    return;
  }
  nameRows();
  soon(formChanged);
});
text.addEventListener("input", () => soon(textChanged));
onPress("preview-it", preview);
onPress("plan-it", plan);
onPress("deploy-it", run);
if (text.value.trim()) textChanged().catch(failed);
