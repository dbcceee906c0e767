/** What a request becomes: a prompt in tokens, and how it is to be sampled. */
import { Fault } from '../../fault.ts';
import type { StoredCheckpoint, StoredModel } from '../../storage/models/models.ts';
import type { BaseModel, SampleRequest, Tokenizer } from '../engine.ts';
import type { ReplyHead } from './chat-reply.ts';
import type { ChatRequest } from './chat-request.ts';
import { promptTokens } from './prompt.ts';
import { Reply } from './reply.ts';

export interface ChatCall {
  /** 32 hex digits. */
  id: string;
  teamId: string;
  /** The run it belongs to. */
  traceId?: string;
  /** What the request said, or the model's own name. */
  modelName: string;
  body: Buffer;
  startedAt: number;
  idempotencyKey?: string;
}

/** The checkpoint that serves a request; undefined: base weights. */
export interface Served {
  base: BaseModel;
  model: StoredModel | undefined;
  checkpoint: StoredCheckpoint | undefined;
}

export interface Job extends Served {
  call: ChatCall;
  request: ChatRequest;
  tokenizer: Tokenizer;
  prompt: readonly number[];
  sample: SampleRequest;
  head: ReplyHead;
}

/** Enough to see what a prompt has opened for the reply to close. */
const PROMPT_END_TOKENS = 16;

/** @throws Fault 400, 404; HudError BAD_ARGUMENT for what the chat template does not take */
export async function jobOf(call: ChatCall, request: ChatRequest, served: Served): Promise<Job> {
  const { base, checkpoint } = served;
  const tokenizer = await base.tokenizer();
  if (checkpoint !== undefined && checkpoint.checkpoint_name === null)
    throw new Fault(
      404,
      `The weights of checkpoint '${checkpoint.name}' were not kept: HUD_TRAIN_KEEP_SAMPLERS keeps the newest, a pin any.`,
    );
  refuseTools(call, request, tokenizer);
  const prompt = promptTokens(tokenizer, request, request.hint);
  const room = base.contextLength - prompt.length;
  if (room < 1)
    throw new Fault(
      400,
      `The conversation has ${prompt.length} tokens; this model's context is ${base.contextLength}, the reply included.`,
    );
  const sample: SampleRequest = {
    weights: checkpoint?.checkpoint_name ?? undefined,
    base: base.name,
    prompt,
    maxTokens: Math.min(room, request.maxTokens ?? room),
    temperature: request.temperature,
    // A text may be spelled in other tokens too: `Reply` looks for the text.
    stop: [...tokenizer.stop, ...request.stop.map((text) => tokenizer.encode(text))],
    ...(request.topP === undefined ? {} : { topP: request.topP }),
    ...(request.topK === undefined ? {} : { topK: request.topK }),
  };
  const head = { id: call.id, created: Math.floor(call.startedAt / 1_000), model: call.modelName };
  return { ...served, call, request, tokenizer, prompt, sample, head };
}

export function replyTo({ tokenizer, prompt, request }: Job): Reply {
  const promptEnd = tokenizer.decode(prompt.slice(-PROMPT_END_TOKENS));
  return new Reply({ tokenizer, promptEnd, stopTexts: request.stop, tools: request.tools });
}

/** A model that can't be told of its tools would be judged for not using them. */
function refuseTools({ modelName }: ChatCall, { tools, messages }: ChatRequest, { replies }: Tokenizer): void {
  if (replies?.callsTools === true) return;
  const isCalled = messages.some(({ toolCalls }) => toolCalls !== undefined);
  if (tools.length === 0 && !isCalled) return;
  const name = modelName.slice(0, 100);
  throw new Fault(
    400,
    `'${name}' can't call tools: its chat template has no form for them. ` +
      "Leave out `tools`, set `tool_choice` to 'none', or choose another model.",
  );
}
