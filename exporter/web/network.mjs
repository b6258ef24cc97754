// The network of a sealed model: word vectors → LSTM, some words a step → last, highest and mean state → one logit, to
// which pairs of neighbouring words may add.
// Constants are those of `exporter/recurrence.py`; gates stand in the order input, output, forget, cell.

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** P(positive) of a logit. */
export const probability = sigmoid;

export class Network {
  constructor(constants) {
    const floats = (name) => Float64Array.from(constants.get(name).values);
    const mark = (layer) => (layer ? `_of_${layer}` : "");
    [this.hidden] = constants.get("recurrent_weights").shape;
    [, this._size] = constants.get("embedding").shape;
    this._codes = constants.get("embedding").values;
    this._steps = constants.get("embedding_steps").values;
    this._ofWords = [];
    while (constants.has(`input_weights_${this._ofWords.length}`)) {
      this._ofWords.push(floats(`input_weights_${this._ofWords.length}`));
    }
    this._recurrent = [];
    while (constants.has(`recurrent_weights${mark(this._recurrent.length)}`)) {
      this._recurrent.push(floats(`recurrent_weights${mark(this._recurrent.length)}`));
    }
    this._ofStates = this._recurrent.map((_, layer) => layer && floats(`input_weights${mark(layer)}`));
    this._bias = this._recurrent.map((_, layer) => floats(`bias${mark(layer)}`));
    this._between = constants.has("between_bias") ? { weights: floats("between_weights"), bias: floats("between_bias") } : null;
    const columns = floats("head_weights"), [negative, positive] = floats("head_bias");
    this._head = Float64Array.from({ length: columns.length / 2 }, (_, row) => columns[2 * row + 1] - columns[2 * row]);
    this._headBias = positive - negative;
    this._pooled = (this._between ? this._between.weights.length / this._between.bias.length : this._head.length) / this.hidden;
    if (constants.has("phrases")) {
      const [places, multiplier] = ["pair_places", "pair_multiplier"].map((name) => Number(constants.get(name).values[0]));
      const [, step] = floats("phrase_step");
      this._phrases = { codes: constants.get("phrases").values, places, multiplier, step };
    }
    this._tables = this._ofWords.map(() => new Map());
  }

  get wordsPerStep() { return this._ofWords.length; }

  /** The state before the first word. */
  start() {
    const zeros = () => new Float64Array(this.hidden);
    const layers = this._recurrent.map(() => ({ state: zeros(), cell: zeros() }));
    return { layers, highest: zeros(), total: zeros(), steps: 0, words: 0, last: -1, phrases: 0 };
  }

  /** The state after one more step, which reads `wordsPerStep` ids or, at the end, fewer. */
  step(before, ids) {
    const after = { ...before, layers: [], highest: before.highest.slice(), total: before.total.slice() };
    after.steps += 1;
    ids.forEach((id) => this._pair(after, id));
    let below = null;
    before.layers.forEach((layer, number) => {
      const gates = this._bias[number].slice();
      if (below) addProduct(gates, below, this._ofStates[number]);
      else ids.forEach((id, place) => add(gates, this._row(id, place)));
      addProduct(gates, layer.state, this._recurrent[number]);
      after.layers.push(this._cell(gates, layer.cell));
      below = after.layers[number].state;
    });
    for (let j = 0; j < this.hidden; j++) {
      if (below[j] > after.highest[j]) after.highest[j] = below[j];
      after.total[j] += below[j];
    }
    return after;
  }

  /** The states before, between and after all steps of `ids`, from the state `before` them. */
  states(ids, before = this.start()) {
    const states = [before];
    for (let at = 0; at < ids.length; at += this.wordsPerStep) {
      states.push(this.step(states.at(-1), ids.slice(at, at + this.wordsPerStep)));
    }
    return states;
  }

  /** How far the logit of positive lies above that of negative, in nats. */
  logit({ layers, highest, total, steps, words, phrases }) {
    const mean = total.map((sum) => sum / Math.max(steps, 1));
    const parts = [layers.at(-1).state, highest, mean].slice(this._pooled === 3 ? 0 : 1);
    let seen = Float64Array.from(parts.flatMap((part) => [...part]));
    if (this._between) seen = addProduct(this._between.bias.slice(), seen, this._between.weights).map((x) => Math.max(x, 0));
    const byStates = seen.reduce((sum, value, j) => sum + value * this._head[j], this._headBias);
    return this._phrases ? byStates + (phrases * this._phrases.step) / Math.sqrt(Math.max(words, 1)) : byStates;
  }

  /** Count a word, and what it says with the one before it. */
  _pair(state, id) {
    if (this._phrases && state.words) {
      const { codes, multiplier, places } = this._phrases;
      state.phrases += codes[(state.last * multiplier + id) % places];
    }
    state.words += 1;
    state.last = id;
  }

  _cell(gates, cell) {
    const n = this.hidden, next = { state: new Float64Array(n), cell: new Float64Array(n) };
    for (let j = 0; j < n; j++) {
      next.cell[j] = sigmoid(gates[j]) * Math.tanh(gates[3 * n + j]) + sigmoid(gates[2 * n + j]) * cell[j];
      next.state[j] = sigmoid(gates[n + j]) * Math.tanh(next.cell[j]);
    }
    return next;
  }

  /** What a word at one place of a step adds to the gates; kept, because words come again. */
  _row(id, place) {
    const table = this._tables[place];
    if (!table.has(id)) {
      const step = this._steps[this._steps.length > 1 ? id : 0];
      const vector = Float64Array.from({ length: this._size }, (_, at) => this._codes[id * this._size + at] * step);
      table.set(id, addProduct(new Float64Array(4 * this.hidden), vector, this._ofWords[place]));
    }
    return table.get(id);
  }
}

function add(sum, values) {
  for (let j = 0; j < sum.length; j++) sum[j] += values[j];
}

/** Add `vector` times `matrix` [vector, sum] to `sum`; four rows at a time, which takes half as long. */
function addProduct(sum, vector, matrix) {
  const width = sum.length, fours = vector.length & ~3;
  for (let i = 0; i < fours; i += 4) {
    const [a, b, c, d] = [vector[i], vector[i + 1], vector[i + 2], vector[i + 3]];
    for (let j = 0, at = i * width; j < width; j++, at++) {
      sum[j] += a * matrix[at] + b * matrix[at + width] + c * matrix[at + 2 * width] + d * matrix[at + 3 * width];
    }
  }
  for (let i = fours; i < vector.length; i++) {
    for (let j = 0; j < width; j++) sum[j] += vector[i] * matrix[i * width + j];
  }
  return sum;
}
