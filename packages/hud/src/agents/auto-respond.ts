/** Keeps a model going that stops to ask: a small model reads its words and says whether it is done. */
import { HudError, toHudError } from '../protocol/errors.ts';
import { findCredentials, gatewayHeaders } from './credentials.ts';
import type { AskContext } from './model.ts';
import { modelError } from './model-errors.ts';
import { loadOpenAI } from './openai-client.ts';
import { patiently } from './stream-patience.ts';

export type AutoRespond = (content: string, context: Pick<AskContext, 'signal' | 'traceId' | 'replayOf'>) => Promise<string | undefined>;

const MODEL = 'gpt-5';
const MAX_OUTPUT_TOKENS = 256;
const INSTRUCTIONS = [
  'You watch an agent that works on a task without anybody to ask.',
  'Given its latest message, answer with one word: STOP when it reports a result or says that it is finished or can not go on,',
  'CONTINUE when it asks for permission, confirmation or a choice, or only announces what it is about to do.',
].join(' ');

/**
 * The built-in one: an OpenAI Responses call, through OPENAI_API_KEY or the gateway, or as `via` says.
 * A reply of `CONTINUE` goes back to the agent's model; silence, an empty message or a failed call ends the run.
 * @throws HudError MODEL_KEY_MISSING at once when neither key is set
 */
export function autoResponder(via?: 'provider' | 'gateway'): AutoRespond {
  const credentials = findCredentials(
    { ...(via && { via }) },
    { label: 'Auto-respond', keyVariable: 'OPENAI_API_KEY', baseUrlVariable: 'OPENAI_BASE_URL' },
  );
  const client = loadOpenAI(credentials);
  client.catch(() => {}); // reported by the first call
  return async (content, { signal, ...ids }) => {
    if (content.trim() === '') return undefined;
    try {
      const { responses } = await client;
      const request = { model: MODEL, instructions: INSTRUCTIONS, input: content, max_output_tokens: MAX_OUTPUT_TOKENS };
      const headers = gatewayHeaders(credentials, ids);
      const reply = await patiently('openai', {}, signal, (hearing) =>
        responses.create({ ...request, reasoning: { effort: 'low' } }, { signal: hearing.signal, headers }),
      );
      return reply.output_text.toUpperCase().includes('STOP') ? undefined : 'CONTINUE';
    } catch (error) {
      signal.throwIfAborted();
      if (toHudError(error).code === 'PACKAGE_MISSING') throw error;
      const fault = modelError(error, 'openai', signal);
      if (ids.replayOf !== undefined && fault.code === 'MODEL_BAD_REQUEST') throw fault; // a replay must not go another way unnoticed
      return undefined; // the agent's own answer stands; asking for more was a courtesy
    }
  };
}

/** `true` is the built-in one. */
export function responderOf(setting: boolean | AutoRespond | undefined, via?: 'provider' | 'gateway'): AutoRespond | undefined {
  if (setting === undefined || setting === false) return undefined;
  if (typeof setting === 'function') return setting;
  if (setting) return autoResponder(via);
  throw new HudError('BAD_CONFIG', 'autoRespond must be true, false or a function.');
}
