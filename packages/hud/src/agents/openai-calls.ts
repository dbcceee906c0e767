/** Calls of OpenAI's own tools, which have items of their own kind, as calls of the agent's tools, and what answers them. */
import type OpenAI from 'openai';
import { encodePng } from '../capabilities/png.ts';
import { isPlainObject } from '../protocol/json.ts';
import type { ContentBlock, ToolCall, ToolResult } from '../protocol/trace.ts';
import type { ShellOutput } from './tools/openai-shell.ts';
import { resultText } from './tools/tool.ts';

type Output = OpenAI.Responses.ResponseOutputItem;
type Input = OpenAI.Responses.ResponseInputItem;
type SafetyCheck = OpenAI.Responses.ResponseComputerToolCall.PendingSafetyCheck;

/** @returns undefined for an item that is no such call */
export function ownCall(item: Output): ToolCall | undefined {
  if (item.type === 'shell_call') {
    return { id: item.call_id, name: 'shell', providerName: item.type, arguments: { ...item.action } };
  }
  if (item.type === 'apply_patch_call') {
    return { id: item.call_id, name: 'apply_patch', providerName: item.type, arguments: { ...item.operation } };
  }
  if (item.type === 'computer_call') {
    const actions = item.actions ?? (item.action === undefined ? [] : [item.action]);
    return { id: item.call_id, name: 'computer', providerName: item.type, arguments: { actions } };
  }
  return undefined;
}

/** What the vendor wants confirmed before it goes on, by the id of the call. */
export function safetyChecks(items: readonly Output[]): Map<string, SafetyCheck[]> {
  return new Map(
    items.flatMap((item): [string, SafetyCheck[]][] =>
      item.type === 'computer_call' && item.pending_safety_checks?.length > 0 ? [[item.call_id, item.pending_safety_checks]] : [],
    ),
  );
}

export interface OwnAnswer {
  item: Input;
  /** What has no place in the item, for a message behind all of them. */
  remark?: string;
  /** The screenshot that was sent. */
  image?: string;
}

export interface Answering {
  checks: readonly SafetyCheck[] | undefined;
  /** Sent where a call came to no screenshot: the API takes no other answer. */
  lastImage: string | undefined;
}

/** @returns undefined for a call of a function */
export function ownAnswer(call: ToolCall, result: ToolResult, { checks, lastImage }: Answering): OwnAnswer | undefined {
  const { id, providerName } = call;
  if (providerName === 'shell_call')
    return { item: { type: 'shell_call_output', call_id: id, status: 'completed', ...shellOutput(result) } };
  if (providerName === 'apply_patch_call') {
    return {
      item: { type: 'apply_patch_call_output', call_id: id, status: result.isError ? 'failed' : 'completed', output: resultText(result) },
    };
  }
  if (providerName !== 'computer_call') return undefined;
  const shot = result.content.findLast(({ type, data }) => type === 'image' && data !== undefined);
  const image = shot === undefined ? (lastImage ?? emptyPicture()) : dataUrl(shot);
  const remark = resultText(result);
  return {
    // The types lag behind the API: `detail` keeps it from shrinking the picture once more.
    item: {
      type: 'computer_call_output',
      call_id: id,
      output: {
        type: 'computer_screenshot',
        image_url: image,
        detail: 'original',
      } as OpenAI.Responses.ResponseComputerToolCallOutputScreenshot,
      ...(checks === undefined ? {} : { acknowledged_safety_checks: [...checks] }),
    },
    image,
    ...(remark === '' ? {} : { remark: result.isError ? `The computer call failed: ${remark}` : remark }),
  };
}

export function dataUrl(block: ContentBlock): string {
  return `data:${block.mimeType ?? 'image/png'};base64,${block.data ?? ''}`;
}

/** A result that never reached the shell, such as a timeout, reads as a command that failed. */
function shellOutput({ structuredContent, ...result }: ToolResult): ShellOutput {
  if (isShellOutput(structuredContent)) return structuredContent;
  const [stdout, stderr] = result.isError ? ['', resultText(result)] : [resultText(result), ''];
  return { output: [{ stdout, stderr, outcome: { type: 'exit', exit_code: result.isError ? 1 : 0 } }] };
}

function isShellOutput(value: unknown): value is ShellOutput {
  return isPlainObject(value) && Array.isArray(value.output);
}

function emptyPicture(): string {
  const side = 16;
  const png = encodePng({ width: side, height: side, rgba: new Uint8Array(side * side * 4) });
  return `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
}
