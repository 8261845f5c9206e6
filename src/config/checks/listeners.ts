import { bindsConflict, isLoopback, splitBind } from '../bind.ts';
import type { DocumentView } from '../document.ts';
import type { Path } from '../tree.ts';

export function checkListeners(view: DocumentView): void {
  const bound: {
    readonly path: Path;
    readonly written: boolean;
    readonly name: string;
    readonly host: string;
    readonly port: number;
  }[] = [];
  let api = false;
  for (const [name, path] of view.entries(['listeners'])) {
    const at = [...path, 'bind'];
    const text = view.string(at);
    const bind = text === undefined ? undefined : splitBind(text);
    const serve = view.strings([...path, 'serve']);
    api ||= serve.some(({ value }) => value === 'openai') || !view.has([...path, 'serve']);
    if (!bind) {
      const port = /:(\d{1,5})$/.exec(text ?? '')?.[1];
      if (port !== undefined && Number(port) > 65535) view.report('out-of-range', at, `there is no port ${port}`);
      continue;
    }
    const other = bound.find((one) => bindsConflict(one, bind));
    if (other) {
      const report = view.written(at) ? view.report : view.reportKey;
      report.call(
        view,
        'bind-conflict',
        view.written(at) ? at : path,
        `the listener ${JSON.stringify(other.name)} has this address already`,
        {
          related: view.related(other.written ? [...other.path, 'bind'] : other.path, `${other.name} is here`),
          hint: view.written(at) ? undefined : `give ${name} a bind of its own`,
        },
      );
    }
    bound.push({ path, written: view.written(at), name, ...bind });
    for (const { value, path: at } of serve) {
      if (value !== 'admin' && value !== 'sleep') continue;
      if (isLoopback(bind.host) || view.string([...path, 'auth']) !== undefined) continue;
      view.report(`exposed-${value}`, at, `${value} is open to everybody who reaches ${text}`, {
        hint: 'bind it to 127.0.0.1, or name an auth',
      });
    }
  }
  if (!api && !view.invalid) {
    view.reportKey('no-api', ['listeners'], 'no listener serves openai: the router would answer no request');
  }
}
