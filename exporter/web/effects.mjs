// Why a text has its score, as `scorer/explaining.py` has it: the effect of each word is how far the log-odds of positive
// fall when an unknown word stands in its place, as the mean over all ways to part the text into steps.

/** Yields after each word, so that the page stays awake; returns the effects, in nats. */
export function* effectsOf(network, { ids, words }, unknown) {
  const shifts = Array.from({ length: network.wordsPerStep }, (_, shift) => {
    const shifted = [...Array(shift).fill(unknown), ...ids], states = network.states(shifted);
    return { shift, shifted, states, logit: network.logit(states.at(-1)) };
  });
  const effects = [];
  for (const { first, last } of words) {
    let fall = 0;
    for (const { shift, shifted, states, logit } of shifts) {
      const step = Math.floor((first + shift) / network.wordsPerStep); // what comes before it stays as it was
      const others = shifted.slice().fill(unknown, first + shift, last + shift).slice(step * network.wordsPerStep);
      fall += logit - network.logit(network.states(others, states[step]).at(-1));
    }
    effects.push(fall / shifts.length);
    yield;
  }
  return effects;
}
