import type { Exchange } from './exchange.ts';

/** Routes that ask or steer the engine itself. */

export function health(exchange: Exchange): void {
  exchange.send(exchange.host.healthy ? 200 : 503, '');
}

export function version(exchange: Exchange): void {
  exchange.json(200, { version: '0.32.0' });
}

export function serverLoad(exchange: Exchange): void {
  // Without this request itself.
  exchange.json(200, { server_load: exchange.host.open - 1 });
}

export function models(exchange: Exchange): void {
  const { host } = exchange;
  exchange.json(
    200,
    host.models.list(() => host.nextId()),
  );
}

export function metrics(exchange: Exchange): void {
  const { host } = exchange;
  const page = host.metrics.page(host.core, host.sleepLevel, [...host.models.loras.keys()]);
  exchange.send(200, page, { type: 'text/plain; version=1.0.0; charset=utf-8' });
}

export function sleep(exchange: Exchange): void {
  const { host } = exchange;
  const level = Number(exchange.query.get('level') ?? 1);
  host.sleepLevel = level === 2 ? 2 : 1;
  // Both levels drop the KV cache.
  host.core.cache.clear();
  exchange.json(200, { status: 'sleeping', level });
}

export function wakeUp(exchange: Exchange): void {
  exchange.host.sleepLevel = 0;
  const tags = exchange.query.getAll('tags');
  exchange.json(200, { status: 'awake', tags: tags.length > 0 ? tags : null });
}

export function isSleeping(exchange: Exchange): void {
  exchange.json(200, { is_sleeping: exchange.host.sleepLevel > 0 });
}

export function pause(exchange: Exchange): void {
  exchange.host.paused = true;
  exchange.json(200, { status: 'paused' });
}

export function resume(exchange: Exchange): void {
  exchange.host.paused = false;
  exchange.json(200, { status: 'resumed' });
}

export function isPaused(exchange: Exchange): void {
  exchange.json(200, { is_paused: exchange.host.paused });
}

export function resetPrefixCache(exchange: Exchange): void {
  exchange.host.core.cache.clear();
  exchange.json(200, { success: true });
}

export function abortRequests(exchange: Exchange): void {
  exchange.json(200, { status: 'aborted', aborted: 1 });
}

export function kvEventSources(exchange: Exchange): void {
  exchange.json(200, {});
}
