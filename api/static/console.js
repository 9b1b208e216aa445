// The console: asks for what has come after its cursor, shows it and counts it. What an event holds is only ever text.
import { lines, visible } from "./visible.js";

const LISTED = 500;
const REASONS = 100;
const SHOWN_REASONS = 20;
const OTHER = "other reasons";
const PAUSE_MS = 1000;
const BEHIND_MS = 50;
const AWAY_MS = 2000;

const $ = (id) => document.getElementById(id);
const key = $("key");
const events = []; // the newest first
const known = new Set();
const counts = new Map(); // of each topic
const state = { cursor: null, paused: false, asking: false, timer: 0, behind: 0 };

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = visible(text);
  if (className) made.className = className;
  return made;
}

function credentials() {
  return key.value ? { "X-API-Key": key.value } : {};
}

// --- asking

async function ask() {
  if (state.asking || state.paused || document.hidden) return;
  state.asking = true;
  clearTimeout(state.timer);
  let wait = AWAY_MS;
  try {
    const query = state.cursor ? `?cursor=${state.cursor}` : "";
    const reply = await fetch(`../v1/console${query}`, { headers: credentials(), cache: "no-store" });
    const told = await reply.json();
    if (reply.ok) wait = take(told);
    else wait = refused(reply, told);
  } catch {
    tell("the API does not answer; trying again", "error");
  }
  state.asking = false;
  state.timer = setTimeout(ask, wait);
}

function take(told) {
  if (state.paused) return PAUSE_MS; // it comes again with the same cursor
  state.cursor = told.cursor;
  state.behind = told.behind;
  offer($("topic"), told.topics);
  told.events.forEach(add);
  if (told.events.length) show();
  $("newest").hidden = !told.behind;
  tell(told.behind ? `live, ${told.behind.toLocaleString("en")} behind` : "live", "live");
  return told.behind ? BEHIND_MS : PAUSE_MS;
}

function refused(reply, problem) {
  if (reply.status === 400) state.cursor = null;
  const keyed = reply.status === 401 || reply.status === 403;
  tell(keyed ? "needs an API key: fill it in at “Send an event”" : problem.detail, "error");
  return Number(reply.headers.get("Retry-After") || 0) * 1000 || AWAY_MS;
}

function tell(text, className) {
  const shown = visible(text);
  if ($("state").textContent !== shown) $("state").textContent = shown;
  $("state").className = className;
}

// --- keeping and counting

function add(event) {
  const id = [event.topic, event.reason !== undefined, event.partition, event.offset].join();
  if (known.has(id)) return;
  known.add(id);
  events.unshift({ ...event, id });
  if (events.length > LISTED) known.delete(events.pop().id);
  if (!counts.has(event.topic)) counts.set(event.topic, { accepted: 0, rejected: 0, reasons: new Map() });
  count(counts.get(event.topic), event);
}

function count(total, event) {
  if (event.reason === undefined) {
    total.accepted += 1;
    return;
  }
  total.rejected += 1;
  const kind = total.reasons.has(event.kind) || total.reasons.size < REASONS ? event.kind : OTHER;
  total.reasons.set(kind, (total.reasons.get(kind) || 0) + 1);
}

// --- showing

function show() {
  showCounts();
  showList();
}

function showCounts() {
  const topic = $("topic").value;
  const chosen = [...counts].filter(([name]) => !topic || name === topic).map(([, total]) => total);
  for (const outcome of ["accepted", "rejected"]) {
    const number = chosen.reduce((sum, total) => sum + total[outcome], 0).toLocaleString("en");
    if ($(outcome).textContent !== number) $(outcome).textContent = number;
  }
  const reasons = new Map();
  for (const total of chosen) {
    for (const [kind, number] of total.reasons) reasons.set(kind, (reasons.get(kind) || 0) + number);
  }
  const most = [...reasons].sort((a, b) => b[1] - a[1]).slice(0, SHOWN_REASONS);
  $("reasons").replaceChildren(...most.map(([kind, number]) => {
    const row = document.createElement("tr");
    row.append(element("td", number.toLocaleString("en")), element("td", kind));
    return row;
  }));
}

function isChosen(event) {
  const topic = $("topic").value;
  const outcome = document.querySelector("[name=show]:checked").value;
  return (!topic || event.topic === topic) && (!outcome || (outcome === "rejected") === (event.reason !== undefined));
}

function showList() {
  const items = new Map([...$("list").children].map((item) => [item.dataset.id, item]));
  const chosen = events.filter(isChosen);
  const kept = new Set(chosen.map((event) => event.id));
  for (const [id, item] of items) if (!kept.has(id)) item.remove();
  // Items that are there stay in their place, so that an open one stays open and keeps the focus.
  let next = $("list").firstChild;
  for (const event of chosen) {
    if (next?.dataset.id === event.id) next = next.nextSibling;
    else $("list").insertBefore(items.get(event.id) || listed(event), next);
  }
  $("none").hidden = chosen.length > 0;
  $("none").textContent = events.length ? "No event is as chosen." : "Nothing has come yet. Send an event, or wait for others.";
}

function listed(event) {
  const outcome = event.reason === undefined ? "accepted" : "rejected";
  const item = document.createElement("li");
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  const moment = new Date(event.time);
  const time = element("time", moment.toTimeString().slice(0, 8));
  time.dateTime = moment.toISOString();
  summary.append(time, element("span", outcome, `badge ${outcome}`), element("span", event.topic));
  summary.append(element("span", event.reason ?? event.key ?? "", "what"));
  details.append(summary);
  details.addEventListener("toggle", () => describe(details, event), { once: true });
  item.dataset.id = event.id;
  item.append(details);
  return item;
}

function describe(details, event) {
  if (event.reason !== undefined) details.append(element("p", event.reason, "why"));
  const topic = event.reason === undefined ? event.topic : `${event.topic}.rejected`;
  const origin = Object.entries(event.headers ?? {}).map(([name, value]) => ` · ${name} ${value}`).join("");
  const place = `${topic}, partition ${event.partition}, offset ${event.offset}, ${event.bytes} bytes`;
  details.append(element("p", place + (event.cut ? ", cut here" : "") + origin, "about"));
  const text = element("pre", "");
  text.textContent = lines(event.cut ? event.text : indented(event.text));
  text.tabIndex = 0;
  text.setAttribute("aria-label", "The event");
  details.append(text);
}

// JSON in lines; names, numbers and texts stay as they came. What is no JSON stays as it is.
function indented(text) {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  return text.replace(/"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:]|\s+/g, (part) => {
    if (/^\s/.test(part)) return "";
    if (part === "{" || part === "[") { depth += 1; return part + line(); }
    if (part === "}" || part === "]") { depth -= 1; return line() + part; }
    if (part === ",") return part + line();
    return part === ":" ? ": " : part;
  });
}

// --- the form

function offer(select, values) {
  const there = new Set([...select.options].map((option) => option.value));
  for (const value of values) if (!there.has(value)) select.add(new Option(value, value));
}

async function describeTypes() {
  const description = await (await fetch("../openapi.json")).json();
  const prefix = "/v1/events/";
  const routes = Object.entries(description.paths).filter(([path]) => path.startsWith(prefix));
  const examples = new Map(routes.map(([path, route]) => [
    path.slice(prefix.length), route.post.requestBody.content["application/json"].example]));
  const fill = () => { $("body").value = JSON.stringify(examples.get($("type").value), null, 2); };
  offer($("type"), examples.keys());
  $("type").addEventListener("change", fill);
  fill();
}

async function send(submitted) {
  submitted.preventDefault();
  try {
    const reply = await fetch(`../v1/events/${encodeURIComponent($("type").value)}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...credentials() },
      body: $("body").value,
    });
    answer(`${reply.status} ${reply.statusText}`, reply.ok, indented(await reply.text()));
  } catch {
    answer("The API does not answer.", false, "");
  }
  ask();
}

function answer(status, good, text) {
  $("status").textContent = visible(status);
  $("status").className = good ? "good" : "bad";
  $("reply").textContent = lines(text);
  $("answer").hidden = false;
}

// --- what the reader does

function pause() {
  state.paused = !state.paused;
  $("pause").textContent = state.paused ? "Continue" : "Pause";
  $("pause").setAttribute("aria-pressed", String(state.paused));
  if (state.paused) tell("paused", "");
  else ask();
}

function clear() {
  events.length = 0;
  counts.clear();
  known.clear();
  show();
}

key.value = sessionStorage.getItem("key") ?? "";
key.addEventListener("change", () => {
  sessionStorage.setItem("key", key.value);
  ask();
});
$("pause").addEventListener("click", pause);
$("clear").addEventListener("click", clear);
$("newest").addEventListener("click", () => { state.cursor = null; ask(); });
$("tools").addEventListener("change", show);
$("tools").addEventListener("submit", (submitted) => submitted.preventDefault());
$("sender").addEventListener("submit", send);
document.addEventListener("visibilitychange", ask);
describeTypes().catch(() => tell("the API does not answer", "error"));
ask();
