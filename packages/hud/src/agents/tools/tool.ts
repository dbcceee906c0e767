/** A tool as the loop and the model adapters see it: a description, and a function. */
import type { JsonObject } from '../../protocol/json.ts';
import type { ToolResult } from '../../protocol/trace.ts';

export interface AgentTool {
  /** Unique in a run; letters, digits, `_` and `-`, at most 64. */
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments, an object. */
  readonly inputSchema: JsonObject;
  /** The vendor's own declaration, sent in place of a function with that schema; keys as that API spells them. */
  readonly native?: JsonObject;
  /** What the API must be asked for before it takes `native`. */
  readonly beta?: string;
  /** Whose it is. A lost shell is told to the model, and only the third loss in a row ends the run. */
  readonly capability?: 'ssh' | 'screen' | 'mcp';
  /**
   * Runs the tool. An ordinary failure (a non-zero exit, a refused path) is a result with `isError`,
   * so that the model can react; a rejection counts as one too, except when the signal fired.
   * @throws HudError CAPABILITY_FAILED or CONNECTION_LOST when whoever runs the tool is gone: that ends the run
   */
  execute(args: JsonObject, context: { signal: AbortSignal }): Promise<ToolResult>;
}

export function textResult(text: string, isError = false): ToolResult {
  return { content: [{ type: 'text', text }], isError };
}

/** The text blocks of a result, joined by newlines. */
export function resultText(result: ToolResult): string {
  return result.content
    .map((block) => (block.type === 'text' ? block.text : undefined))
    .filter((text) => text !== undefined)
    .join('\n');
}
