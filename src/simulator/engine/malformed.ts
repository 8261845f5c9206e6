import type { Exchange } from './exchange.ts';
import type { Malformed } from './faults.ts';

const HEAD = 'HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: application/json\r\n';

/**
 * Answers that break HTTP, each as some broken server or middlebox has been seen to send it. True when the answer is
 * done with; false when the sound one follows (`early-hints`).
 */
export function malformed(exchange: Exchange, how: Malformed, body: Buffer): boolean {
  const text = body.toString('latin1');
  const length = `content-length: ${body.length}\r\n`;
  switch (how) {
    case 'garbage':
      exchange.raw('\x16\x03\x01\x02\x00 this is not HTTP\r\n\r\n', true);
      return true;
    case 'bad-status-line':
      exchange.raw(`HTTP/1.1 two-hundred OK\r\n${length}\r\n${text}`, true);
      return true;
    case 'bad-chunk-size':
      exchange.raw(`${HEAD}transfer-encoding: chunked\r\n\r\nxyz\r\n${text}\r\n0\r\n\r\n`, true);
      return true;
    case 'cl-te':
      exchange.raw(`${HEAD}${length}transfer-encoding: chunked\r\n\r\n${chunk(text)}0\r\n\r\n`, true);
      return true;
    case 'two-lengths':
      exchange.raw(`${HEAD}${length}content-length: ${body.length + 5}\r\n\r\n${text}`, true);
      return true;
    case 'short-length':
      exchange.raw(`${HEAD}content-length: ${body.length + 100}\r\n\r\n${text}`, true);
      return true;
    case 'huge-headers':
      exchange.raw(`${HEAD}x-huge: ${'h'.repeat(64 * 1024)}\r\n${length}\r\n${text}`, false);
      return true;
    case 'bare-lf':
      exchange.raw(`${HEAD}${length}\r\n`.replaceAll('\r\n', '\n').concat(text), false);
      return true;
    case 'folded-header':
      exchange.raw(`${HEAD}x-folded: one\r\n two\r\n${length}\r\n${text}`, false);
      return true;
    case 'switching-protocols':
      exchange.raw('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n', false);
      return true;
    case 'early-hints':
      exchange.req.socket.write('HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n');
      return false;
    case 'idle-bytes':
      exchange.raw(`${HEAD}${length}\r\n${text}HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray`, false);
      return true;
  }
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}
