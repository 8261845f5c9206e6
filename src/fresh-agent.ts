import http from 'node:http';
import https from 'node:https';
import { addresses } from './addresses.ts';

const options = { keepAlive: false, lookup: addresses.lookup };

/**
 * For got: what the router asks engines for itself, each on a connection of its own. Engines close idle ones after 5 s without a word, so
 * a question now and then that met one would fail for nothing; and a check on one that stood already would not see that nobody
 * listens any more.
 */
export const freshAgent = { http: new http.Agent(options), https: new https.Agent(options) };
