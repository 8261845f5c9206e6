import type { DocumentView } from '../document.ts';
import type { Overlay } from '../overlay.ts';
import { formatPath } from '../path.ts';
import { child, type MapNode, nodeAt } from '../tree.ts';

/** Flags that do not do what their user expects of them, because of what the file says. */
export function checkFlags(view: DocumentView, written: MapNode, overlay: Overlay): void {
  for (const { path, flag } of overlay) {
    if (path[0] === 'defaults' && path.length > 1) shadowed(view, written, path.slice(1), flag);
  }
  const added = overlay.find(({ path }) => path[0] === 'listeners' && path[1] === 'public')?.flag;
  const listeners = child(written, 'listeners');
  if (added === undefined || listeners?.kind !== 'map' || listeners.entries.size < 2) return;
  const others = [...listeners.entries].filter(([name]) => name !== 'public');
  if (listeners.entries.get('public')?.key.from !== 'flag') return;
  view.reportKey(
    'flag-adds-listener',
    ['listeners', 'public'],
    `${added} adds a listener "public" to those of the file`,
    {
      hint: `for another listener use --set listeners.${others[0]![0]}.bind=HOST:PORT`,
    },
  );
}

/** The flag writes `defaults.x.y`; a route that has `x.y` itself, or an algorithm of its own, never sees it. */
function shadowed(view: DocumentView, written: MapNode, path: readonly (string | number)[], flag: string): void {
  const own = path[0] === 'algorithm' ? ['algorithm'] : path;
  for (const route of view.items(['routes'])) {
    const at = [...route, ...own];
    if (!nodeAt(written, at)) continue;
    const name = view.string([...route, 'name']) ?? formatPath(route);
    view.reportKey(
      'shadowed-flag',
      at,
      `${flag} does not reach the route ${JSON.stringify(name)}, which sets this itself`,
    );
  }
}
