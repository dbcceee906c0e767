/** Where in a JSON text its end is, for messages. */

/**
 * @param text JSON that was cut off after a value
 * @returns the way to that value, as `inputs[0].samples[2].output_logprobs`; `The body` for the outermost one
 */
export function placeAtEnd(text: string): string {
  const steps: (string | number)[] = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*:|"(?:[^"\\]|\\.)*"|[[\]{},]/gs)) {
    if (token === '[') steps.push(0);
    else if (token === '{') steps.push('');
    else if (token === ']' || token === '}') steps.pop();
    else if (token === ',') {
      const last = steps.at(-1);
      if (typeof last === 'number') steps[steps.length - 1] = last + 1;
    } else if (token.endsWith(':')) steps[steps.length - 1] = keyOf(token);
  }
  const way = steps.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('');
  return way === '' ? 'The body' : way;
}

/** As it is written; a long one is no name of ours. */
function keyOf(token: string): string {
  return token.replace(/^"|"\s*:$/g, '').slice(0, 60);
}
