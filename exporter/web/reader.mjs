// A sealed model that reads texts: all that a page, or a program in Node, asks of it.
import { effectsOf } from "./effects.mjs";
import { Network, probability } from "./network.mjs";
import { readSealed } from "./sealed.mjs";
import { Words } from "./words.mjs";

export class Reader {
  /** From the bytes of a sealed file that `exporter demo` takes. */
  constructor(bytes) {
    const { constants, tokenizer, card } = readSealed(bytes);
    this.card = card;
    this._words = new Words(tokenizer, card.text);
    this._network = new Network(constants);
  }

  /** Ids, words with their places, and whether words were cut off. */
  encode(text) { return this._words.encode(text); }

  isUnknown(id) { return id === this._words.unknown; }

  /** P(positive) of what `encode` gave; null where there is no word. */
  score({ ids }) { return ids.length ? probability(this._network.logit(this._network.states(ids).at(-1))) : null; }

  /** A generator that rests after each word and returns the words' effects on the log-odds, in nats. */
  effects(encoded) { return effectsOf(this._network, encoded, this._words.unknown); }
}
