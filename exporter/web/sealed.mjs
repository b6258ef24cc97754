// A sealed model in JavaScript: the bytes of one .onnx file to its constants, its tokenizer and its card.
// Field numbers are those of onnx.proto3.

const TYPES = { 1: Float32Array, 3: Int8Array, 7: BigInt64Array, 10: Uint16Array };
const HALF = 10;

/** Number and value of every field of a protobuf message: a number, or the bytes of what is longer. */
export function* fields(message) {
  let at = 0;
  const varint = () => {
    let value = 0, scale = 1, byte;
    do { byte = message[at++]; value += (byte & 127) * scale; scale *= 128; } while (byte > 127);
    return value;
  };
  const bytes = (size) => message.subarray(at, at += size);
  while (at < message.length) {
    const key = varint(), kind = key & 7;
    yield [key >>> 3, kind === 0 ? varint() : bytes(kind === 2 ? varint() : kind === 1 ? 8 : 4)];
  }
}

const all = (message, number) => [...fields(message)].filter(([found]) => found === number).map(([, value]) => value);
const text = (bytes) => new TextDecoder().decode(bytes);

/** Constants by name, each `{ shape, values }`, tokenizer and card of a sealed model. */
export function readSealed(bytes) {
  const [graph] = all(bytes, 7);
  const constants = new Map(all(graph, 5).map((tensor) => [text(all(tensor, 8)[0]), constant(tensor)]));
  const pairs = all(bytes, 14).map((pair) => [text(all(pair, 1)[0]), text(all(pair, 2)[0])]);
  const { "tokenizer.json": tokenizer, "card.json": card } = Object.fromEntries(pairs);
  return { constants, tokenizer: JSON.parse(tokenizer), card: JSON.parse(card) };
}

function constant(tensor) {
  const [type] = all(tensor, 2), [raw] = all(tensor, 9);
  const values = new TYPES[type](new Uint8Array(raw).buffer); // a copy begins where numbers may begin
  return { shape: all(tensor, 1), values: type === HALF ? Float32Array.from(values, fromHalf) : values };
}

function fromHalf(bits) {
  const sign = bits >> 15 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}
