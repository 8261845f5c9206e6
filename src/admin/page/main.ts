import type { StatusMessage } from '../status-message.ts';
import { createBackends } from './backends.ts';
import { createConfig } from './config.ts';
import { byId, put } from './dom.ts';
import { age } from './format.ts';
import { pill, setPill } from './parts.ts';
import { createRoutes } from './routes.ts';
import { createSources } from './sources.ts';
import { Store } from './store.ts';
import { createTiles } from './tiles.ts';

/** Without a message for this long, ms, the page says that it is old. */
const SILENCE = 5_000;

const store = new Store();
const parts = [createTiles(byId('tiles')), createConfig(), createRoutes(), createBackends(), createSources()];
const connection = pill();
byId('connection').append(connection);
let heard = 0;
let drawing = false;

/** At most once a frame, and not at all while nobody sees it. */
function draw(): void {
  if (drawing || store.router === undefined) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const { router } = store;
    put(byId('version'), `v${router!.version}`);
    put(byId('host'), router!.host);
    put(byId('uptime'), `up ${age(router!.uptime)}`);
    document.title = `${router!.notReady === null ? '' : '! '}vllm-router · ${router!.host}`;
    for (const part of parts) part(store);
    document.body.classList.remove('empty');
  });
}

function showConnection(): void {
  const silent = performance.now() - heard;
  const { router } = store;
  if (router === undefined) setPill(connection, 'connecting', 'warn');
  else if (silent > SILENCE) setPill(connection, `no word for ${age(silent)}`, 'bad');
  else if (router.notReady !== null) setPill(connection, `not ready: ${router.notReady}`, 'warn');
  else setPill(connection, 'live', 'good');
}

const events = new EventSource('/admin/events');
events.addEventListener('message', ({ data }: MessageEvent<string>) => {
  heard = performance.now();
  store.apply(JSON.parse(data) as StatusMessage);
  draw();
  showConnection();
});
// A browser gives up where the answer was an error and not a lost connection, such as 503 when too many look.
events.addEventListener('error', () => {
  if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 10_000);
});
setInterval(showConnection, 1_000);
showConnection();
