"use strict";
/* The page: one stream of changes, a list, one canary. Whatever comes from the server is set as text, never as markup. */
(() => {
  const byId = (id) => document.getElementById(id);
  const KEEP = "canary-token", PLACE = "canary-namespace";
  const SILENT_MS = 45000, FIRST_MS = 1000, LONGEST_MS = 15000, LOOK_MS = 2000;
  const VERBS = {
    pause: "Hold the rollout where it is. Checks go on, and can roll back.",
    resume: "Let the rollout go on.",
    abort: "Roll back now: all traffic goes to the version before.",
    retry: "Try the failed version again.",
    promote: "Leave out the rest of the analysis, and a closed gate, and promote the version.",
  };
  const MOODS = {
    Waiting: "waits", WaitingPromotion: "waits", Progressing: "goes", Promoting: "promotes", Finalising: "promotes",
    Succeeded: "good", Initialized: "good", Failed: "bad",
  };

  let token = "", namespace = sessionStorage.getItem(PLACE) || "";
  let canaries = new Map(), fresh = null;
  let shown = null; // [namespace, name] of the canary that is open
  let detail = null, skew = 0, verbs = false;
  let stream = null, pause = FIRST_MS, lookTimer = 0, drawTimer = 0, sayTimer = 0;

  // -- Elements ------------------------------------------------------------------------------------------------------

  const make = (tag, attributes, ...inner) => {
    const found = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) found.setAttribute(name, value);
    found.append(...inner);
    return found;
  };
  const draw = (tag, attributes, text) => {
    const found = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) found.setAttribute(name, value);
    if (text !== undefined) found.textContent = text;
    return found;
  };
  const setText = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  const show = (id, isShown) => { byId(id).hidden = !isShown; };
  const keyOf = (each) => `${each.namespace}/${each.name}`;

  // -- Words ---------------------------------------------------------------------------------------------------------

  const nowS = () => Date.now() / 1000 + skew;
  const age = (seconds) => {
    if (!isKnown(seconds)) return "";
    let whole = Math.max(0, Math.floor(seconds));
    for (const [unit, length, smaller, part] of [["d", 86400, "h", 3600], ["h", 3600, "m", 60], ["m", 60, "s", 1]]) {
      if (whole < length) continue;
      const rest = Math.floor((whole % length) / part), count = Math.floor(whole / length);
      return `${count}${unit}${rest && count < 10 ? rest + smaller : ""}`;
    }
    return `${whole}s`;
  };
  const isKnown = (value) => value !== null && value !== undefined;
  const clock = (atS) => isKnown(atS) ? new Date(atS * 1000).toLocaleTimeString("sv") : ""; // 24 hours, everywhere
  const day = (atS) => isKnown(atS) ? new Date(atS * 1000).toLocaleString("sv") : "-";
  const number = (value) => !isKnown(value) ? "-" : String(Number(value.toPrecision(5)));
  const unitOf = (name) => name === "request-success-rate" ? " %" : name === "request-duration" ? " ms" : "";
  const failedOf = (each) => each.threshold === null ? `${each.failed}` : `${each.failed} of ${each.threshold}`;
  const since = (atS) => { const found = make("span"); tick(found, atS); return found; };
  const tick = (node, atS) => {
    if (!isKnown(atS)) { delete node.dataset.since; setText(node, ""); return; }
    node.dataset.since = atS;
    setText(node, age(nowS() - atS));
  };
  const phaseOf = (phase) => make("span", { class: "phase", "data-mood": MOODS[phase] || "" }, phase || "no status yet");

  const say = (text) => {
    clearTimeout(sayTimer);
    sayTimer = setTimeout(() => setText(byId("said"), text), 400);
  };
  const trouble = (text) => { setText(byId("trouble"), text); show("trouble", Boolean(text)); };
  const state = (kind, text) => { byId("state").dataset.state = kind; setText(byId("state-text"), text); };

  // -- The server ----------------------------------------------------------------------------------------------------

  const ask = (path, more) => fetch(path, {
    cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer", ...more,
    headers: { Authorization: `Bearer ${token}`, ...((more || {}).headers || {}) },
  });
  const errorOf = async (response) => {
    try { return (await response.json()).error || response.statusText; } catch { return response.statusText; }
  };
  const pathOf = ([place, name]) => `api/canaries/${encodeURIComponent(place)}/${encodeURIComponent(name)}`;

  const leave = (why) => {
    token = "";
    sessionStorage.removeItem(KEEP);
    if (stream) stream.abort();
    canaries = new Map(); detail = null; byId("rows").replaceChildren();
    state("off", "not connected");
    trouble(why || "");
    arrange();
    byId("token").focus();
  };

  const listen = async () => {
    if (stream) stream.abort();
    if (!token) { arrange(); return; }
    const mine = stream = new AbortController();
    let last = Date.now();
    const watch = setInterval(() => { if (Date.now() - last > SILENT_MS) mine.abort(); }, 5000);
    try {
      const response = await ask(`api/events?namespace=${encodeURIComponent(namespace)}`, { signal: mine.signal });
      if (response.status === 401) { leave(await errorOf(response)); return; }
      if (response.status === 403) { state("off", "not allowed"); trouble(await errorOf(response)); arrange(); return; }
      if (!response.ok) throw new Error(await errorOf(response));
      pause = FIRST_MS;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done || stream !== mine) break;
        last = Date.now();
        text += value;
        const parts = text.split("\n\n");
        text = parts.pop();
        parts.forEach(receive);
      }
    } catch (error) {
      if (stream === mine) state("again", "no connection: trying again");
    } finally {
      clearInterval(watch);
    }
    if (stream !== mine || !token) return;
    state("again", "no connection: trying again");
    setTimeout(() => { if (stream === mine) listen(); }, pause);
    pause = Math.min(LONGEST_MS, pause * 2);
  };

  const receive = (part) => {
    const lines = part.split("\n"), kind = (lines[0] || "").slice("event: ".length);
    const content = JSON.parse((lines[1] || "").slice("data: ".length));
    if ("now_s" in content) skew = content.now_s - Date.now() / 1000;
    if (kind === "hello") {
      verbs = content.verbs;
      fresh = new Set();
      trouble("");
    } else if (kind === "canaries") {
      content.forEach(update);
    } else if (kind === "whole") {
      for (const key of [...canaries.keys()]) if (!fresh.has(key)) canaries.delete(key);
      fresh = null;
      state("live", "live");
      arrange();
      if (shown) look();
    } else if (kind === "gone") {
      canaries.delete(keyOf(content));
      if (shown && keyOf(content) === shown.join("/")) { show("one-gone", true); say(`${keyOf(content)} is gone`); }
    } else if (kind === "time" && shown) {
      look();
    } else if (kind === "refused") {
      if (content.status === 401) leave(content.error); else trouble(content.error);
    }
    soon();
  };

  const update = (each) => {
    const key = keyOf(each), before = canaries.get(key);
    canaries.set(key, each);
    if (fresh) { fresh.add(key); return; }
    const isOpen = shown && key === shown.join("/");
    const isNews = !before || before.phase !== each.phase || (isOpen && before.weight !== each.weight);
    if (isNews && (!shown || isOpen)) say(`${key}: ${each.phase || "no status yet"}, canary ${each.weight} %`);
    if (isOpen) { look(); clearTimeout(lookTimer); lookTimer = setTimeout(look, LOOK_MS); } // events come a little later
  };

  let looking = false, again = false;
  const look = async () => {
    if (looking) { again = true; return; }
    looking = true;
    const wanted = shown;
    try {
      const response = wanted && token ? await ask(pathOf(wanted)) : null;
      if (response && wanted === shown) {
        if (response.status === 404) { show("one-gone", true); } else if (!response.ok) { trouble(await errorOf(response)); }
        else { detail = await response.json(); skew = detail.now_s - Date.now() / 1000; show("one-gone", false); soon(); }
      }
    } catch { /* the stream says that there is no connection */ }
    looking = false;
    if (again) { again = false; look(); }
  };

  // -- What is on the page -------------------------------------------------------------------------------------------

  const soon = () => { if (!drawTimer) drawTimer = setTimeout(() => { drawTimer = 0; render(); }, 30); };

  const arrange = () => {
    show("door", !token);
    show("leave", Boolean(token));
    show("place", Boolean(token) && !shown);
    show("list", Boolean(token) && !shown);
    show("one", Boolean(token) && Boolean(shown));
    document.title = shown ? `${shown.join("/")} - Canaries` : "Canaries";
  };

  const render = () => {
    if (!token) return;
    if (shown) renderOne(); else renderList();
  };

  const COLUMNS = ["phase", "weight", "failed", "health", "why", "since"];
  const LABELS = { failed: "Failed checks:", health: "Health:", since: "Since:" };

  const rowOf = (key, each) => {
    const row = make("tr", { role: "row", "data-key": key });
    const link = make("a", { href: `#/${encodeURIComponent(each.namespace)}/${encodeURIComponent(each.name)}` }, key);
    row.append(make("th", { scope: "row", role: "rowheader" }, link));
    for (const name of COLUMNS) {
      const cell = make("td", { role: "cell", class: name === "phase" ? "" : name });
      if (LABELS[name]) cell.dataset.label = LABELS[name];
      row.append(cell);
    }
    const [, phase, weight] = row.children;
    phase.append(phaseOf(each.phase));
    weight.append(make("progress", { max: 100, value: 0, "aria-hidden": "true" }), make("span"));
    row.lastChild.append(since(each.since_s));
    return row;
  };

  const fill = (row, each) => {
    const [, phase, weight, failed, health, why, sinceCell] = row.children;
    phase.firstChild.dataset.mood = MOODS[each.phase] || "";
    setText(phase.firstChild, each.phase || "no status yet");
    if (weight.firstChild.value !== each.weight) weight.firstChild.value = each.weight;
    setText(weight.lastChild, `${each.weight} %`);
    setText(failed, failedOf(each));
    failed.classList.toggle("bad", each.failed > 0);
    setText(health, each.health);
    health.dataset.health = each.health;
    setText(why, each.reason ? `${each.reason}: ${each.message || each.waits_for}` : each.is_over ? "" : each.waits_for);
    tick(sinceCell.firstChild, each.since_s);
  };

  const renderList = () => {
    const body = byId("rows"), wanted = byId("filter").value.trim().toLowerCase();
    const keys = [...canaries.keys()].filter((key) => key.toLowerCase().includes(wanted)).sort();
    const rows = new Map([...body.children].map((row) => [row.dataset.key, row])), stays = new Set(keys);
    for (const [key, row] of rows) if (!stays.has(key)) row.remove();
    let place = body.firstElementChild;
    for (const key of keys) {
      const each = canaries.get(key);
      let row = rows.get(key);
      if (!row) { row = rowOf(key, each); body.insertBefore(row, place); } else { place = row.nextElementSibling; }
      fill(row, each);
    }
    const all = [...canaries.values()], count = (of) => all.filter(of).length;
    const going = count((each) => !each.is_over && each.phase), failed = count((each) => each.phase === "Failed");
    setText(byId("count"), all.length ? `${all.length} in all, ${going} under way, ${failed} failed` : fresh ? "" : "There are no canaries here.");
  };

  const fact = (list, name, ...value) => {
    let dt = [...list.children].find((each) => each.dataset.name === name);
    if (!dt) { dt = make("dt", { "data-name": name }, name); list.append(dt, make("dd")); }
    const dd = dt.nextElementSibling, before = dd.textContent, found = make("dd", {}, ...value);
    if (before !== found.textContent) dd.replaceWith(found);
  };

  const workload = (each) => !each ? "" : `${each.images || each.name}${each.wanted || each.ready ? ` (${each.ready} of ${each.wanted} Pods ready)` : ""}`;
  const ending = (found) => found.over_s === null
    ? `stays ${found.ends}: nobody knows for how long`
    : `${found.ends} at ${clock(found.over_s)} (in ${age(found.over_s - nowS())})`;

  const renderOne = () => {
    const each = detail && keyOf(detail) === shown.join("/") ? detail : null;
    setText(byId("one-heading"), shown.join("/"));
    if (!each) return;
    const live = canaries.get(keyOf(each)) || each;
    const head = byId("one-phase");
    if (!head.firstChild) head.append(phaseOf(live.phase), make("span"), make("span"));
    head.firstChild.dataset.mood = MOODS[live.phase] || "";
    setText(head.firstChild, live.phase || "no status yet");
    setText(head.children[1], isKnown(live.since_s) ? " for " : "");
    tick(head.lastChild, live.since_s);
    const list = byId("facts"), request = each.request, sides = each.workloads;
    fact(list, "Weights", `primary ${100 - live.weight} %, canary ${live.weight} %`);
    fact(list, "Failed checks", failedOf(live));
    fact(list, "Because", live.message || live.reason || "-");
    fact(list, "Waits for", live.waits_for || "-");
    const unknown = each.outlook.unknown;
    fact(list, "At best", unknown ? unknown : ending(each.outlook.at_best));
    fact(list, "As now", unknown ? unknown : each.outlook.as_now ? `${ending(each.outlook.as_now)}, if checks come out as they did last` : "-");
    fact(list, "At worst", unknown ? unknown : `${ending(each.outlook.at_worst)}, if every check fails from now on`);
    const more = byId("more");
    fact(more, "Primary", sides ? workload(sides.primary) || "-" : each.unanswered);
    fact(more, "Canary", sides ? workload(sides.canary) || "-" : each.unanswered);
    fact(more, "Target", each.target);
    fact(more, "Revision", [each.applied, each.applied === each.promoted ? "promoted" : ""].filter(Boolean).join(", ") || "-");
    fact(more, "Health", live.health || "-");
    fact(list, "Request", !request ? "-" : !request.answered ? `${request.text}: open, not answered yet` : `${request.text}: ${request.reply || "answered"}`);
    renderVerbs(each.may);
    renderPlots(each, live);
    renderLines(byId("course"), unknown ? [] : each.outlook.at_best.stages.slice(1).map((stage) => ({
      when: clock(stage.at_s), text: [stage.phase, stage.text].filter(Boolean).join(", "),
    })));
    show("course-part", !unknown && each.outlook.at_best.stages.length > 1);
    renderLines(byId("events"), [...each.events].reverse().map((event) => ({
      when: clock(event.at_s), text: event.count > 1 ? `${event.text} (${event.count} times)` : event.text, isWarning: event.is_warning,
    })));
    show("no-events", each.events.length === 0);
    setText(byId("no-events"), each.unanswered || "None, or none that you may see.");
    renderPast((each.record || {}).past || []);
  };

  const renderLines = (list, lines) => {
    const said = JSON.stringify(lines);
    if (list.dataset.said === said) return;
    list.dataset.said = said;
    list.replaceChildren(...lines.map((line) => make("li", line.isWarning ? { class: "warning" } : {},
      make("span", { class: "when" }, line.when),
      make("span", { class: "text" }, line.isWarning ? `Warning: ${line.text}` : line.text))));
  };

  const renderPast = (past) => {
    show("past-part", past.length > 0);
    const body = byId("past"), said = JSON.stringify(past);
    if (body.dataset.said === said) return;
    body.dataset.said = said;
    const cell = (label, text, kind) => make("td", { role: "cell", "data-label": label, class: kind || "" }, text);
    body.replaceChildren(...past.map((each) => make("tr", { role: "row" },
      make("th", { scope: "row", role: "rowheader" }, day(each.began_s)),
      cell("Result:", each.outcome), cell("Weight:", `${number(each.weight)} %`), cell("Image:", each.title || "-", "why"),
      cell("Revision:", each.revision || "-", "why"), cell("Why:", each.why, "why"))));
  };

  // -- Verbs ---------------------------------------------------------------------------------------------------------

  const renderVerbs = (may) => {
    const group = byId("verbs");
    group.hidden = !(verbs && may);
    if (group.firstChild) return;
    for (const verb of Object.keys(VERBS)) {
      const button = make("button", { type: "button", "data-verb": verb }, verb[0].toUpperCase() + verb.slice(1));
      if (verb === "abort") button.className = "danger";
      button.addEventListener("click", () => confirmed(verb, button));
      group.append(button);
    }
  };

  const confirmed = (verb, button) => {
    if (button.getAttribute("aria-disabled")) return;
    const dialog = byId("sure"), label = button.textContent, wanted = shown;
    setText(byId("sure-heading"), `${label} ${wanted.join("/")}?`);
    setText(byId("sure-text"), VERBS[verb]);
    setText(byId("sure-yes"), label);
    byId("sure-yes").onclick = () => { dialog.close(); act(verb, wanted); };
    byId("sure-no").onclick = () => dialog.close();
    dialog.showModal();
  };

  const act = async (verb, wanted) => {
    const answer = byId("answer"), buttons = [...byId("verbs").children];
    delete answer.dataset.code;
    setText(answer, `${verb}: waiting for the controller`);
    buttons.forEach((each) => each.setAttribute("aria-disabled", "true"));
    let code = 3, text = `${verb}: no connection; whether it has an effect is not known`;
    try {
      const response = await ask(`${pathOf(wanted)}/${verb}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
      if (response.ok) ({ code, text } = await response.json()); else { code = 1; text = await errorOf(response); }
    } catch { /* as it is said above */ }
    buttons.forEach((each) => each.removeAttribute("aria-disabled"));
    if (wanted !== shown) return;
    answer.dataset.code = code;
    setText(answer, text);
    look();
  };

  // -- Plots ---------------------------------------------------------------------------------------------------------

  const LEFT = 62, RIGHT = 14, TOP = 8, BELOW = 22;
  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400, 604800];

  /* Weights as the record has them; what was seen before its first round, and after its last, besides. */
  const course = (now, rounds, seen) => {
    const first = rounds[0].at_s, last = rounds[rounds.length - 1].at_s;
    const before = seen.filter((point) => point.t >= now.began_s - 1 && point.t < first);
    const begun = before.length ? before : [{ t: now.left_off ? first : now.began_s, y: rounds[0].weight }];
    return [...begun, ...rounds.map((round) => ({ t: round.at_s, y: round.then })), ...seen.filter((point) => point.t > last)];
  };

  const renderPlots = (each, live) => {
    const now = (each.record || {}).now, rounds = (now || {}).rounds || [];
    const seen = each.seen.map((point) => ({ t: point.at_s, y: point.weight }));
    const points = rounds.length ? course(now, rounds, seen) : seen;
    const began = points.length ? points[0].t : nowS();
    const end = Math.max(began + 1, live.is_over && points.length ? points[points.length - 1].t + 5 : nowS());
    const span = { from: began, to: end };
    const series = new Map();
    for (const round of rounds) for (const check of round.checks) {
      if (!series.has(check.name)) series.set(check.name, []);
      series.get(check.name).push({ t: round.at_s, y: check.value, ...check });
    }
    const charts = [[byId("weights"), [{ name: "Weight of the canary", unit: " %", points: [...points, { t: end, y: live.weight, isNow: true }], isWeight: true }]],
      [byId("checks"), [...series].map(([name, found]) => ({ name, unit: unitOf(name), points: found }))]];
    show("checks-part", series.size > 0); // before anything is drawn there: what is hidden has no width
    show("no-checks", series.size === 0);
    for (const [place, wanted] of charts) {
      while (place.children.length > wanted.length) place.lastChild.remove();
      wanted.forEach((chart, index) => figure(place, index, chart, span));
    }
  };

  const figure = (place, index, chart, span) => {
    let found = place.children[index];
    if (!found) {
      const table = make("table", {}, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Time"), make("th", { scope: "col" }, "Value"), make("th", { scope: "col" }, "Verdict"))), make("tbody"));
      found = make("figure", {}, make("figcaption", {}, make("span"), make("span", { class: "quiet" })), make("div"), make("details", {}, make("summary", {}, "Values as a table"), table));
      place.append(found);
    }
    const [caption, canvas, details] = found.children;
    setText(caption.firstChild, chart.name);
    setText(caption.lastChild, ` ${boundText(chart)}`);
    canvas.replaceChildren(plot(chart, span, Math.max(280, canvas.clientWidth)));
    const rows = chart.points.filter((point) => !point.isNow).slice(-200);
    const said = JSON.stringify(rows);
    if (details.dataset.said === said) return;
    details.dataset.said = said;
    setText(details.querySelectorAll("th")[2], chart.isWeight ? "" : "Verdict");
    details.querySelector("tbody").replaceChildren(...rows.map((point) => make("tr", {},
      make("td", {}, clock(point.t)), make("td", {}, `${point.text || number(point.y)}${chart.unit}`), make("td", {}, point.verdict || ""))));
  };

  const lastOf = (points) => points[points.length - 1] || {};
  const boundText = (chart) => {
    if (chart.isWeight) return `${number(lastOf(chart.points).y)} %`;
    const { y, text, verdict, wanted } = lastOf(chart.points);
    return `${y === null ? verdict : `${text}${chart.unit}, ${verdict}`}; wanted: ${wanted}`;
  };

  const rangeOf = (chart) => {
    if (chart.isWeight) return [0, 100];
    const values = chart.points.flatMap((point) => [point.y, point.min, point.max]).filter((value) => value !== null);
    if (!values.length) return [0, 1];
    let low = Math.min(...values), high = Math.max(...values);
    const room = (high - low) * 0.15 || Math.abs(high) * 0.1 || 1;
    low = low >= 0 ? Math.max(0, low - room) : low - room;
    return [low, chart.unit === " %" ? Math.min(100, high + room) : high + room];
  };

  const plot = (chart, span, width) => {
    const inner = chart.isWeight ? 130 : 84, height = TOP + inner + BELOW, [low, high] = rangeOf(chart);
    const x = (t) => LEFT + (width - LEFT - RIGHT) * Math.min(1, Math.max(0, (t - span.from) / (span.to - span.from)));
    const y = (value) => TOP + inner * (1 - (Math.min(high, Math.max(low, value)) - low) / (high - low || 1));
    const label = `${chart.name}, from ${clock(span.from)} to ${clock(span.to)}: ${boundText(chart)}`;
    const found = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    found.append(draw("rect", { class: "panel", x: LEFT, y: TOP, width: width - LEFT - RIGHT, height: inner }));
    const { min = null, max = null } = chart.isWeight ? {} : lastOf(chart.points);
    for (const [bound, from, to] of [[min, y(min), TOP + inner], [max, TOP, y(max)]]) {
      if (bound === null) continue;
      found.append(draw("rect", { class: "denied", x: LEFT, y: from, width: width - LEFT - RIGHT, height: Math.max(0, to - from) }),
        draw("line", { class: "bound", x1: LEFT, x2: width - RIGHT, y1: y(bound), y2: y(bound) }));
    }
    for (const value of chart.isWeight ? [0, 25, 50, 75, 100] : [low, high]) {
      if (chart.isWeight) found.append(draw("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }));
      found.append(draw("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, `${Number(value.toPrecision(3))}${chart.unit}`));
    }
    times(found, span, x, TOP + inner, width);
    if (chart.isWeight) stairs(found, chart.points, x, y, y(0)); else marks(found, chart, x, y, TOP + inner - 7);
    return found;
  };

  const times = (found, span, x, bottom, width) => {
    const most = Math.max(2, Math.floor((width - LEFT) / 110)), length = span.to - span.from;
    const step = STEPS.find((each) => length / each <= most) || length;
    const zone = new Date(span.from * 1000).getTimezoneOffset() * 60;
    for (let t = Math.ceil((span.from - zone) / step) * step + zone; t <= span.to; t += step) {
      const at = x(t);
      found.append(draw("line", { class: "grid", x1: at, x2: at, y1: bottom, y2: bottom + 5 }));
      if (at > LEFT + 20 && at < width - RIGHT - 20) found.append(draw("text", { x: at, y: bottom + 18, "text-anchor": "middle" }, clock(t)));
    }
  };

  const stairs = (found, points, x, y, ground) => {
    if (!points.length) return;
    let path = `M${x(points[0].t)},${y(points[0].y)}`;
    for (const point of points.slice(1)) path += `H${x(point.t)}V${y(point.y)}`;
    found.append(draw("path", { class: "area", d: `${path}V${ground}H${x(points[0].t)}Z` }), draw("path", { class: "course", d: path }));
  };

  /* Shapes as well as colours: a dot passed, a cross failed, an empty square had no data, an empty triangle no answer. */
  const SHAPES = {
    pass: (x, y) => `M${x - 4},${y}a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z`,
    fail: (x, y) => `M${x - 4},${y - 4}L${x + 4},${y + 4}M${x + 4},${y - 4}L${x - 4},${y + 4}`,
    "no data": (x, y) => `M${x - 4},${y - 4}h8v8h-8Z`,
    "no answer": (x, y) => `M${x},${y - 5}l5,9h-10Z`,
  };
  const marks = (found, chart, x, y, ground) => {
    const known = chart.points.filter((point) => point.y !== null).map((point) => `${x(point.t)},${y(point.y)}`);
    found.append(draw("polyline", { class: "values", points: known.join(" ") }));
    for (const point of chart.points) {
      const shape = SHAPES[point.verdict] || SHAPES.pass;
      const mark = draw("path", { class: "mark", "data-verdict": point.verdict, d: shape(x(point.t), point.y === null ? ground : y(point.y)) });
      mark.append(draw("title", {}, `${clock(point.t)}: ${point.text}${chart.unit}, ${point.verdict}`));
      found.append(mark);
    }
  };

  // -- Where one is --------------------------------------------------------------------------------------------------

  const route = () => {
    const before = shown, parts = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
    shown = parts.length === 2 && parts[0] && parts[1] ? parts : null;
    if (before && shown && before.join("/") === shown.join("/")) { shown = before; return; }
    detail = null;
    for (const id of ["facts", "more", "weights", "checks", "one-phase", "course", "events", "past"]) { byId(id).replaceChildren(); delete byId(id).dataset.said; }
    setText(byId("answer"), "");
    show("one-gone", false);
    show("verbs", false);
    arrange();
    render();
    if (!token) return;
    if (shown) { look(); byId("one-heading").focus(); return; }
    const rows = [...byId("rows").children];
    const row = before && rows.find((each) => each.dataset.key === before.join("/"));
    if (row) row.querySelector("a").focus();
  };
  const decoded = (text) => { try { return decodeURIComponent(text); } catch { return ""; } };

  byId("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    token = byId("token").value.trim();
    byId("token").value = "";
    if (!token) return;
    sessionStorage.setItem(KEEP, token);
    trouble("");
    arrange();
    listen();
    if (shown) byId("one-heading").focus(); else byId("namespace").focus();
  });
  byId("place").addEventListener("submit", (event) => {
    event.preventDefault();
    namespace = byId("namespace").value.trim();
    sessionStorage.setItem(PLACE, namespace);
    canaries = new Map();
    byId("rows").replaceChildren();
    trouble("");
    listen();
  });
  byId("leave").addEventListener("click", () => leave(""));
  byId("filter").addEventListener("input", soon);
  addEventListener("hashchange", route);
  addEventListener("resize", soon);
  setInterval(() => {
    for (const node of document.querySelectorAll("[data-since]")) setText(node, age(nowS() - Number(node.dataset.since)));
    if (shown && detail && !detail.is_over && !document.hidden) soon();
  }, 1000);

  const given = /^#key=([\w-]+)$/.exec(location.hash);
  if (given) { // from the address that `canary dashboard` has printed; it does not stay in it
    sessionStorage.setItem(KEEP, given[1]);
    history.replaceState(null, "", "#/");
  }
  token = sessionStorage.getItem(KEEP) || "";
  byId("namespace").value = namespace;
  state("off", token ? "connecting" : "not connected");
  route();
  listen();
})();
