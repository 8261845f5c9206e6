import type { Json } from './request.ts';

/** The chat template (ChatML): the text that is tokenized, so that equal beginnings of conversations are equal prefixes. */
export function chatText(messages: readonly unknown[], tools?: unknown): string {
  let text = tools === undefined ? '' : `<|im_start|>tools\n${JSON.stringify(tools)}<|im_end|>\n`;
  for (const message of messages) {
    const { role, content, tool_calls } = (message ?? {}) as Json;
    text += `<|im_start|>${String(role)}\n${contentText(content)}`;
    if (tool_calls !== undefined) text += JSON.stringify(tool_calls);
    text += '<|im_end|>\n';
  }
  return `${text}<|im_start|>assistant\n`;
}

/** Text of a message: a string, or parts of which anything but text stands as its JSON. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part) => {
      const { text } = (part ?? {}) as Json;
      return typeof text === 'string' ? text : JSON.stringify(part);
    })
    .join('');
}
