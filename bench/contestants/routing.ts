import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { routerConfig } from '../router-config.ts';
import type { Contestant, routingNames } from './contestant.ts';
import { ours } from './ours.ts';

type RoutingName = (typeof routingNames)[number];

/**
 * Ours as in `bench/router.yaml`, but with another algorithm and so many backends, each an address of its own in the one
 * engine process. Health checks and scrapes come as often as they do by default: round-robin with as many backends tells
 * what they and the set's size cost by themselves.
 */
export function routing(name: RoutingName, nodeFlags: readonly string[] = []): Contestant {
  const [, algorithm = '', count = ''] = /^(.*)-(\d+)$/.exec(name) ?? [];
  return {
    name,
    about: `this project, ${algorithm}, ${Number(count).toLocaleString('en')} backends`,
    engines: Number(count),
    prepare: () => ours('', nodeFlags).prepare(),
    start(place) {
      mkdirSync(place.dir, { recursive: true });
      const config = join(place.dir, 'router.yaml');
      writeFileSync(
        config,
        JSON.stringify(routerConfig(place.engines, place.port, { defaults: { algorithm: { type: algorithm } } })),
      );
      return ours(config, nodeFlags).start({ ...place, engines: [] });
    },
  };
}
