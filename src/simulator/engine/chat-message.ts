import type { FinishReason, Output } from './output.ts';
import { sampleOf } from './output.ts';
import type { Json } from './request.ts';

/** A tool call that a request forces. */
export interface ToolPlan {
  readonly name: string;
  readonly argumentText: string;
  /** vLLM ends a named call with `stop`, a required one with `tool_calls`. */
  readonly finish: FinishReason;
}

/** The call that `tool_choice` demands; with `auto` the engine talks instead. */
export function toolPlan(body: Json): ToolPlan | undefined {
  const tools = Array.isArray(body['tools']) ? (body['tools'] as Json[]) : [];
  const choice = body['tool_choice'];
  const named = ((choice as Json | undefined)?.['function'] as Json | undefined)?.['name'];
  if (tools.length === 0 || (choice !== 'required' && typeof named !== 'string')) return undefined;
  const tool = tools
    .map((entry) => entry['function'] as Json)
    .find((entry) => named === undefined || entry?.['name'] === named);
  if (!tool) return undefined;
  return {
    name: String(tool['name']),
    argumentText: JSON.stringify(sampleOf(tool['parameters'] ?? {})),
    finish: choice === 'required' ? 'tool_calls' : 'stop',
  };
}

export function chatMessage(output: Output, tool: ToolPlan | undefined, callId: string): unknown {
  const calls = tool && [{ id: callId, type: 'function', function: { name: tool.name, arguments: output.text() } }];
  return {
    role: 'assistant',
    content: tool ? '' : output.text(),
    refusal: null,
    annotations: null,
    audio: null,
    function_call: null,
    ...(calls && { tool_calls: calls }),
    reasoning: null,
  };
}
