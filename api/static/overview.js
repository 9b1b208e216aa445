// Asks the API every few seconds which pages answer and how far the lines' records have come.
const PAUSE_MS = 3000;
const NUMBERS = ["accepted", "stored", "rejected", "duplicates", "late", "waiting"];

const $ = (id) => document.getElementById(id);
const own = [...$("pages").children];

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function tell(text, className) {
  if ($("state").textContent !== text) $("state").textContent = text;
  $("state").className = className;
}

function pageOf({ name, about, address, answers }) {
  const item = document.createElement("li");
  const link = element("a", name);
  link.href = address;
  item.append(element("span", answers ? "answers" : "away", `health ${answers ? "accepted" : "rejected"}`), link);
  item.append(" ", element("span", about, "about"));
  return item;
}

function rowOf(path) {
  const row = document.createElement("tr");
  const name = element("th", path.line);
  name.scope = "row";
  row.append(name, element("td", path.topic));
  for (const number of NUMBERS) {
    row.append(element("td", path[number].toLocaleString("en"), number === "rejected" && path[number] ? "some" : ""));
  }
  return row;
}

function show({ pages, lines, problem }) {
  $("pages").replaceChildren(...own, ...pages.filter((page) => page.name !== "API").map(pageOf));
  $("lines").replaceChildren(...lines.map(rowOf));
  $("problem").hidden = !problem;
  $("problem").textContent = problem ?? "";
  const away = pages.filter((page) => !page.answers).length;
  tell(away ? `${away} away` : "all pages answer", away || problem ? "error" : "live");
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
