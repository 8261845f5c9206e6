import type { AuthConfig, Config } from '../config/config.ts';
import { nameMatcher } from '../pipeline/glob.ts';
import type { ApiKeyHolder, PipelineDeps } from '../pipeline/state.ts';
import type { Secrets } from './secrets.ts';

/** Tells whose key a client presents and what it may use, by the config that `config` says is in force. */
export function createAuthenticate(
  secrets: Pick<Secrets, 'authenticate'>,
  config: () => Config,
): PipelineDeps['authenticate'] {
  // Patterns are compiled once for each config and key.
  const holders = new WeakMap<AuthConfig, Map<string, ApiKeyHolder>>();
  return (listener, presented) => {
    // A connection to a listener that a reload has removed may ask for an auth that went with it: then nobody may come in.
    const auth = config().auth[listener.auth!];
    const owner = auth && secrets.authenticate(auth.keys, presented);
    if (auth?.models === undefined || owner === undefined) return owner;
    const known = holders.get(auth) ?? new Map<string, ApiKeyHolder>();
    holders.set(auth, known);
    let holder = known.get(owner.name);
    if (holder === undefined) {
      const models = auth.models[owner.name] ?? auth.models['*'];
      holder = { name: owner.name, mayUse: models === undefined ? () => false : nameMatcher(models) };
      known.set(owner.name, holder);
    }
    return holder;
  };
}
