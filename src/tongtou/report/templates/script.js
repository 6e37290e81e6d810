"use strict";
(() => {
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById("findings").textContent);
  const radios = { en: document.getElementById("lang-en"), zh: document.getElementById("lang-zh") };
  // The hash keeps the language and the place: #zh, #zh:quality.
  const read = () => /^#(?:(en|zh)(?::|$))?(.*)$/.exec(location.hash || "#");
  let language = read()[1] || (/^zh\b/i.test(navigator.language || "") ? "zh" : "en");

  function use(chosen) {
    language = chosen;
    radios[chosen].checked = true;
    root.dataset.lang = chosen;
    root.lang = chosen === "zh" ? "zh-CN" : "en";
    document.title = document.querySelector("meta[name=title-" + chosen + "]").content;
    for (const one of document.querySelectorAll("[data-en]")) {
      const said = one.dataset[chosen];
      if (one.hasAttribute("alt")) one.alt = said;
      else one.setAttribute("aria-label", said);
    }
  }
  function remember(place) {
    try { history.replaceState(null, "", "#" + language + (place ? ":" + place : "")); } catch (_) { /* a frame */ }
  }
  function go() {
    const [, chosen, place] = read();
    if (chosen) use(chosen);
    const there = place && document.getElementById(place);
    if (there) there.scrollIntoView();
    if (!chosen && place) remember(place);
  }
  for (const chosen of ["en", "zh"])
    radios[chosen].addEventListener("change", () => { use(chosen); remember(read()[2]); });
  addEventListener("hashchange", go);
  use(language);
  go();

  const at = (path) => path.split("/").reduce((one, key) => one[key], data);
  function flat(value, name, row) {
    if (value !== null && typeof value === "object" && !Array.isArray(value))
      for (const key of Object.keys(value)) flat(value[key], name ? name + "." + key : key, row);
    else row[name || "value"] = value;
    return row;
  }
  function cell(value) {
    if (value === null || value === undefined) return "";
    let said = typeof value === "object" ? JSON.stringify(value) : String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(said)) said = "'" + said; // no formula
    return /[",\r\n]/.test(said) ? '"' + said.replace(/"/g, '""') + '"' : said;
  }
  function table(value) {
    const rows = value.map((one) => flat(one, "", {}));
    const heads = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    return "\ufeff" + [heads, ...rows.map((row) => heads.map((name) => row[name]))]
      .map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
  }
  function save(name, kind, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: kind }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  for (const button of document.querySelectorAll("button[data-path]"))
    button.addEventListener("click", () => {
      const { path, form } = button.dataset;
      const value = path ? at(path) : data;
      const name = "tongtou-" + (path || "report").replaceAll("/", "-") + "." + form;
      if (form === "csv") save(name, "text/csv;charset=utf-8", table(value));
      else save(name, "application/json", JSON.stringify(value, null, 1));
    });
})();
