// Asks the API every few seconds which pages answer, where the records are and what is wrong.
const PAUSE_MS = 3000;
const NUMBERS = ["accepted", "stored", "rejected", "duplicates", "late", "waiting"];
const DOORS = ["api", "nifi"];

const $ = (id) => document.getElementById(id);
const own = [...$("pages").children];

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function health(isGood, good, bad) {
  return element("span", isGood ? good : bad, `health ${isGood ? "accepted" : "rejected"}`);
}

function tell(text, className) {
  if ($("state").textContent !== text) $("state").textContent = text;
  $("state").className = className;
}

function pageOf({ name, about, address, answers }) {
  const item = document.createElement("li");
  const link = element("a", name);
  link.href = address;
  item.append(health(answers, "answers", "away"), link, " ", element("span", about, "about"));
  return item;
}

function dagOf({ dag, failed, ended }) {
  const item = document.createElement("li");
  const when = `${ended.slice(0, 19).replace("T", " ")} UTC`;
  item.append(health(!failed, "succeeded", "failed"), element("strong", dag), " ", element("span", when, "about"));
  return item;
}

function cell(number, isBad) {
  return element("td", number.toLocaleString("en"), isBad && number ? "some" : "");
}

function rowOf(path, job) {
  const row = document.createElement("tr");
  const name = element("th", path.line);
  name.scope = "row";
  row.append(name, element("td", path.topic));
  row.append(...NUMBERS.map((number) => cell(path[number], number === "rejected")));
  row.append(path.unchecked ? element("td", "comparing") : cell(path.difference, true));
  row.append(...DOORS.map((door) => cell(path.rejected_at_entry[door] ?? 0, true)));
  const state = document.createElement("td");
  state.append(job ? health(job.state === "running", "running", job.state) : "not started");
  row.append(state);
  return row;
}

function show({ pages, lines, jobs, dags, reasons }) {
  const stateOf = Object.fromEntries(jobs.map((job) => [job.pipeline, job]));
  $("pages").replaceChildren(...own, ...pages.filter((page) => page.name !== "API").map(pageOf));
  $("pipelines").replaceChildren(...lines.map((path) => rowOf(path, stateOf[path.line])));
  $("dags-section").hidden = !dags.length;
  $("dags").replaceChildren(...dags.map(dagOf));
  $("problems").hidden = !reasons.length;
  $("reasons").replaceChildren(...reasons.map((reason) => element("li", reason)));
  const words = reasons.length === 1 ? "1 problem" : `${reasons.length} problems`;
  tell(reasons.length ? words : "all is well", reasons.length ? "error" : "live");
}

async function ask() {
  try {
    const reply = await fetch("v1/overview", { cache: "no-store" });
    const told = await reply.json();
    if (reply.ok) show(told);
    else tell(told.detail, "error");
  } catch {
    tell("the API does not answer; trying again", "error");
  }
  setTimeout(ask, PAUSE_MS);
}

ask();
