// A page of HDFS's folders, by WebHDFS: Hadoop's own is not in its jars. The folder is what follows # in the address.
const FIRST = "/eventmill";
const $ = (id) => document.getElementById(id);

function element(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

function link(path, text) {
  const made = element("a", text);
  made.href = `#${path.split("/").map(encodeURIComponent).join("/")}`;
  return made;
}

function shownPath(path) {
  const parts = path.split("/").filter(Boolean);
  const links = parts.map((part, depth) => link(`/${parts.slice(0, depth + 1).join("/")}`, part));
  $("path").replaceChildren(link("/", "/"), ...links.flatMap((each, depth) => (depth ? [" / ", each] : [" ", each])));
}

function row(folder, entry) {
  const made = document.createElement("tr");
  const name = document.createElement("td");
  const isFolder = entry.type === "DIRECTORY";
  name.append(isFolder ? link(`${folder === "/" ? "" : folder}/${entry.pathSuffix}`, `${entry.pathSuffix}/`) : entry.pathSuffix);
  const modified = new Date(entry.modificationTime).toISOString().slice(0, 19).replace("T", " ");
  made.append(name, element("td", isFolder ? "" : entry.length.toLocaleString("en"), "number"), element("td", modified, "number"));
  return made;
}

async function show() {
  const path = decodeURIComponent(location.hash.slice(1)) || FIRST;
  shownPath(path);
  $("entries").replaceChildren();
  try {
    const reply = await fetch(`webhdfs/v1${path.split("/").map(encodeURIComponent).join("/")}?op=LISTSTATUS`);
    const told = await reply.json();
    if (!reply.ok) throw new Error(told.RemoteException.message);
    const entries = told.FileStatuses.FileStatus;
    $("entries").replaceChildren(...entries.map((entry) => row(path, entry)));
    $("state").textContent = entries.length === 1 ? "1 entry" : `${entries.length} entries`;
  } catch (error) {
    $("state").textContent = error.message;
  }
}

addEventListener("hashchange", show);
show();
