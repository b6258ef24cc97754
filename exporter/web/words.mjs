// Text to ids, as `scorer/tokens/words.py` has it, by the tokenizer.json of a sealed model; and where each word stands.

/** A text on its way through a normalizer: from where to where of the original each of its UTF-16 units came. */
const untouched = (text) => ({
  text,
  from: Array.from({ length: text.length }, (_, place) => place),
  to: Array.from({ length: text.length }, (_, place) => place + 1),
});

/** The same with what matches `pattern` replaced by what `replace` makes of it. */
function rewritten(source, pattern, replace) {
  const result = { text: "", from: [], to: [] };
  let at = 0;
  const keep = (end) => {
    result.text += source.text.slice(at, end);
    for (; at < end; at++) { result.from.push(source.from[at]); result.to.push(source.to[at]); }
  };
  for (const match of source.text.matchAll(pattern)) {
    keep(match.index);
    const end = at + match[0].length, made = replace(match[0]);
    result.text += made;
    for (let unit = 0; unit < made.length; unit++) { result.from.push(source.from[at]); result.to.push(source.to[end - 1]); }
    at = end;
  }
  keep(source.text.length);
  return result;
}

// JavaScript's own `\s` lacks a line break of mainframes, U+0085.
const regex = ({ Regex, String: literal }) =>
  new RegExp(Regex?.replace(/\\S/g, "\\P{White_Space}") ?? literal.replace(/[^\w\s]/g, "\\$&"), "gu");
// A character and the marks on it: what decomposing may bring into another order. Two Japanese letters become marks.
const WITH_MARKS = /[^\x00-\x7f][\p{M}\uff9e\uff9f]*/gu;
// What composing may join: a character and the marks on it, the parts of a Korean syllable.
const JOINED = /(?:[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?\p{M}*|.\p{M}+)/gsu;
const inForm = (form, runs) => () => (source) => rewritten(source, runs, (run) => run.normalize(form));

const NORMALIZERS = {
  Sequence: ({ normalizers }) => {
    const steps = normalizers.map(normalizer);
    return (source) => steps.reduce((text, step) => step(text), source);
  },
  Replace: ({ pattern, content }) => {
    const what = regex(pattern);
    return (source) => rewritten(source, what, () => content);
  },
  NFD: inForm("NFD", WITH_MARKS),
  NFKD: inForm("NFKD", WITH_MARKS),
  NFC: inForm("NFC", JOINED),
  StripAccents: () => (source) => rewritten(source, /\p{M}+/gu, () => ""),
  // Character by character: a whole text would end Greek words in another sigma.
  Lowercase: () => (source) => rewritten(source, /[A-Z]|[^\x00-\x7f]/gu, (character) => character.toLowerCase()),
};

function normalizer(part) {
  if (!Object.hasOwn(NORMALIZERS, part.type)) throw new Error(`a normalizer ${part.type}`);
  return NORMALIZERS[part.type](part);
}

/** From a parsed tokenizer.json of `trainer fit --tokenizer corpus` and the card's text settings. */
export class Words {
  constructor(tokenizer, settings) {
    const { pre_tokenizer: split, model } = tokenizer;
    if (split.type !== "Split" || !split.invert || model.type !== "WordLevel") throw new Error(`a tokenizer ${model.type}`);
    this.settings = settings;
    this._normalize = normalizer(tokenizer.normalizer);
    this._pattern = regex(split.pattern);
    this._ids = new Map(Object.entries(model.vocab));
    this.unknown = this._ids.get(model.unk_token);
  }

  /** The ids that the network reads, the words with their places, and whether words were cut off.
   *
   * A word `{ start, end, first, last }` stands at `text.slice(start, end)`; its ids are `ids.slice(first, last)`, several
   * where one character becomes more words.
   */
  encode(text) {
    const source = this._normalize(untouched(text));
    const tokens = [...source.text.matchAll(this._pattern)].map(({ 0: word, index }) => ({
      id: this._ids.get(word) ?? this.unknown,
      start: source.from[index],
      end: source.to[index + word.length - 1],
    }));
    const { max_length: most, keep } = this.settings;
    const kept = keep === "tail" ? tokens.slice(-most) : tokens.slice(0, most);
    return { ids: kept.map(({ id }) => id), words: joined(kept, text), truncated: kept.length < tokens.length };
  }
}

function joined(tokens, text) {
  const words = [];
  tokens.forEach(({ start, end }, place) => {
    const before = words.at(-1);
    if (before && start < before.end) Object.assign(before, { end: Math.max(end, before.end), last: place + 1 });
    else words.push({ start, end, first: place, last: place + 1 });
  });
  for (const word of words) word.end += /^\p{M}*/u.exec(text.slice(word.end))[0].length; // accents that are dropped
  return words;
}
