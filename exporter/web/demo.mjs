// The page: what a visitor types, its probability at once, and the effects of its words as soon as they are there.
import { Reader } from "./reader.mjs";

const LEVELS = 5, MOST_SHOWN = 5, SLICE = 24, TOLERANCE = 1e-5; // shades, words, milliseconds, of a probability
const $ = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(1)}%`;
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
const pause = () => new Promise((resolve) => setTimeout(resolve));

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const characters = atob(text), bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = characters.charCodeAt(at);
  return bytes;
}

/** The sealed file that the page carries. */
async function bytesOfModel() {
  if (!("DecompressionStream" in globalThis)) throw new Error("this browser cannot unpack it; any of the last years can");
  const stream = new Blob([fromBase64($("model").textContent)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The largest difference from what onnxruntime said of some texts when the page was made. */
function difference(reader) {
  const probes = JSON.parse($("probes").textContent);
  return Math.max(...probes.map(([text, expected]) => Math.abs((reader.score(reader.encode(text)) ?? 0) - (expected ?? 0))));
}

function showScore(reader, text, encoded) {
  const { labels, threshold } = reader.card, score = reader.score(encoded);
  const side = score === null ? "" : score >= threshold ? "positive" : "negative";
  const label = side && labels[side === "positive" ? 1 : 0];
  $("probability").textContent = score === null ? "–" : percent(score);
  $("of").textContent = score === null ? "" : `likely to be ${labels[1]}`;
  $("label").textContent = label;
  $("label").className = `badge ${side}`;
  $("filled").setAttribute("width", score === null ? "0" : percent(score));
  $("filled").setAttribute("class", side);
  $("read").textContent = readOf(reader, text, encoded);
  return score === null ? "no words" : `${percent(score)} ${labels[1]}: ${label}`;
}

function readOf(reader, text, { ids, truncated }) {
  if (!ids.length) return text.trim() ? "There is no word in it." : "Type a review, or choose an example.";
  const unknown = ids.filter((id) => reader.isUnknown(id)).length, end = reader.card.text.keep === "tail" ? "last" : "first";
  const parts = [truncated ? `Only its ${end} ${ids.length} words are read.` : `${ids.length} ${ids.length === 1 ? "word" : "words"}, signs included.`];
  if (unknown) parts.push(`${unknown} ${unknown === 1 ? "is" : "are"} unknown to the model.`);
  return parts.join(" ");
}

/** The text with its words coloured by their share of the strongest effect. */
function showWords(reader, text, { ids, words }, effects) {
  const strongest = Math.max(...effects.map(Math.abs), 1e-9), pieces = [];
  let at = 0;
  const plain = (end, className) => { if (end > at) pieces.push(element("span", className, text.slice(at, end))); };
  words.forEach(({ start, end, first, last }, place) => {
    plain(start, place ? "" : "unread");
    const share = (effects[place] ?? 0) / strongest, level = Math.min(LEVELS, Math.ceil(Math.abs(share) * LEVELS - 0.5));
    const piece = element(level ? "mark" : "span", level ? `${share > 0 ? "p" : "n"}${level}` : "", text.slice(start, end));
    if (level) piece.dataset.effect = `${share < 0 ? "−" : "+"}${Math.round(100 * Math.abs(share))}%`;
    if (ids.slice(first, last).every((id) => reader.isUnknown(id))) piece.classList.add("unknown");
    pieces.push(piece);
    at = end;
  });
  plain(text.length, words.length ? "" : "unread");
  $("words").replaceChildren(...pieces);
}

/** The words that say most for one side; `sign` is 1 or -1. */
function showStrongest(list, text, words, effects, sign, strongest) {
  const order = words.map((word, place) => ({ word, effect: effects[place] })).filter(({ effect }) => sign * effect > 0.05 * strongest);
  const shown = order.sort((a, b) => sign * (b.effect - a.effect)).slice(0, MOST_SHOWN).map(({ word, effect }) => {
    const item = element("li", "", "");
    const name = element("bdi", "", text.slice(word.start, word.end)), value = element("span", "num", signed(effect));
    item.append(name, value, bar(Math.abs(effect) / strongest, sign));
    return item;
  });
  list.replaceChildren(...(shown.length ? shown : [element("li", "none", "–")]));
}

function bar(share, sign) {
  const [svg, rect] = ["svg", "rect"].map((name) => document.createElementNS("http://www.w3.org/2000/svg", name));
  svg.setAttribute("class", `bar ${sign > 0 ? "positive" : "negative"}`);
  svg.setAttribute("aria-hidden", "true");
  for (const [name, value] of [["width", percent(share)], ["height", "100%"], ["rx", "2"]]) rect.setAttribute(name, value);
  svg.append(rect);
  return svg;
}

/** Effects of a text's words until theirs are there: those of the same words at its beginning and its end before. */
function carriedOver(before, text, words) {
  const spelled = words.map(({ start, end }) => text.slice(start, end)), effects = spelled.map(() => 0);
  let place = 0;
  for (; place < spelled.length && spelled[place] === before.spelled[place]; place++) effects[place] = before.effects[place];
  for (let back = 1; back <= spelled.length - place && spelled.at(-back) === before.spelled.at(-back); back++) {
    effects[spelled.length - back] = before.effects.at(-back);
  }
  return { spelled, effects };
}

function start(reader) {
  const review = $("review");
  let turn = 0, shown = { spelled: [], effects: [] }, speaking;

  async function explain(encoded, mine) {
    const work = reader.effects(encoded);
    let until = performance.now() + SLICE;
    for (;;) {
      const { done, value } = work.next();
      if (done) return value;
      if (performance.now() < until) continue;
      await pause();
      if (mine !== turn) return null;
      until = performance.now() + SLICE;
    }
  }

  async function read() {
    const mine = ++turn, text = review.value, encoded = reader.encode(text);
    document.body.dataset.explained = "no";
    const said = showScore(reader, text, encoded);
    clearTimeout(speaking); // not at every key
    speaking = setTimeout(() => { $("spoken").textContent = said; }, 700);
    const carried = carriedOver(shown, text, encoded.words);
    if (encoded.words.length > 40) showWords(reader, text, encoded, carried.effects);
    shown = carried;
    const effects = await explain(encoded, mine);
    if (!effects) return;
    shown = { spelled: carried.spelled, effects };
    const strongest = Math.max(...effects.map(Math.abs), 1e-9);
    showWords(reader, text, encoded, effects);
    showStrongest($("strongest-for"), text, encoded.words, effects, 1, strongest);
    showStrongest($("strongest-against"), text, encoded.words, effects, -1, strongest);
    document.body.dataset.explained = "yes";
  }

  review.addEventListener("input", read);
  for (const example of document.querySelectorAll(".example")) {
    example.addEventListener("click", () => { review.value = example.textContent; read(); review.focus(); });
  }
  review.value ||= document.querySelector(".example").textContent;
  read();
}

async function main() {
  try {
    const reader = new Reader(await bytesOfModel()), off = difference(reader);
    if (!(off <= TOLERANCE)) throw new Error(`it computes otherwise than onnxruntime, by ${off.toExponential(1)}`);
    for (const end of ["x1", "x2"]) $("threshold").setAttribute(end, percent(reader.card.threshold));
    $("proof").textContent = `On the texts that were tried when the page was made, this browser and onnxruntime differ by ${off.toExponential(1)} at most.`;
    globalThis.sentiment = reader;
    start(reader);
  } catch (error) {
    $("read").textContent = `The model cannot be used here: ${error.message}.`;
    $("review").disabled = true;
  }
}

main();
