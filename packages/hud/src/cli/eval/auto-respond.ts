/** Decides whether an agent that ended its turn in words is done, or waits for somebody to say "go on". */
import { findCredentials } from '../../agents/credentials.ts';

type AutoRespond = (content: string, context: { signal: AbortSignal }) => Promise<string | undefined>;

const MODEL = 'gpt-5';
const OWN_API = 'https://api.openai.com/v1';
const INSTRUCTIONS = `You watch an AI agent that works on a task without anybody beside it. You are given its last message.
Answer STOP when the message ends the work: a result, an answer, or a statement that it can't be done.
Answer CONTINUE when the agent asks for permission, for a choice or for information before it goes on.
Answer with that one word.`;

/**
 * Asks a small model. An agent that should go on gets the text `CONTINUE`; a failed question ends its run.
 * @throws HudError MODEL_KEY_MISSING
 */
export function gpt5AutoRespond(): AutoRespond {
  const { apiKey, baseUrl = OWN_API } = findCredentials({}, { label: '--auto-respond', keyVariable: 'OPENAI_API_KEY', baseUrlVariable: 'OPENAI_BASE_URL' });
  return async (content, { signal }) => {
    if (content.trim() === '') return undefined;
    const response = await fetch(`${baseUrl.replace(/\/$/, '')}/responses`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${apiKey}` },
      body: JSON.stringify({ model: MODEL, reasoning: { effort: 'low' }, max_output_tokens: 256, instructions: INSTRUCTIONS, input: content }),
      signal,
    }).catch((error: unknown) => {
      if (signal.aborted) throw error;
      return undefined; // as an answer that failed
    });
    if (response?.ok !== true) return undefined;
    return outputText(await response.json()).trim().toUpperCase().startsWith('STOP') ? undefined : 'CONTINUE';
  };
}

interface ResponsesReply {
  output?: readonly { type?: string; content?: readonly { type?: string; text?: string }[] }[];
}

function outputText(reply: unknown): string {
  const { output = [] } = reply as ResponsesReply;
  return output.flatMap((item) => (item.type === 'message' ? (item.content ?? []) : [])).map((part) => part.text ?? '').join('');
}
