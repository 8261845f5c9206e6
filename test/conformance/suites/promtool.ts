import { rawRequest } from '../../fakes/raw-client.ts';
import { setUp } from '../setup.ts';
import type { Suite } from '../suite.ts';
import { debian, execute } from '../tools.ts';

/** Names and types that dashboards of the original router and of vLLM count on; promtool would have them otherwise. */
const INHERITED = /^vllm:|^router_(?:cpu|memory|disk)_usage_percent|^process_|^nodejs_/;

export const promtool: Suite = {
  name: 'promtool',
  what: '`promtool check metrics` on /metrics, after requests of several kinds',
  run: async () => {
    const program = await debian('promtool', 'prometheus');
    const setup = await setUp([{}, {}]);
    try {
      const { url } = setup.router;
      const body = { model: 'tiny-chat', messages: [{ role: 'user', content: 'hi' }], max_tokens: 3 };
      for (const more of [{}, { stream: true }, { model: 'nobody' }, { max_tokens: 'many' }]) {
        await rawRequest(url, { path: '/v1/chat/completions', body: { ...body, ...more } });
      }
      const page = await rawRequest(url, { path: '/metrics' });
      const version = await execute(program, ['--version']);
      const { code, stdout, stderr } = await execute(program, ['check', 'metrics'], { input: page.body.toString() });
      const lines = `${stdout}${stderr}`.split('\n').filter((line) => line.trim() !== '');
      const ours = lines.filter((line) => !INHERITED.test(line));
      const families = page.body.toString().match(/^# TYPE/gm)?.length ?? 0;
      const inherited = lines.length - ours.length;
      return {
        about: `${/version ([\d.]+)/.exec(version.stdout + version.stderr)?.[1] ?? ''} (Debian package prometheus).`,
        checks: [
          {
            name: 'the page can be parsed',
            ok: code === 0 || code === 3,
            note: `${families} families, exit code ${code}`,
          },
          { name: 'names of our own', ok: ours.length === 0, note: ours.join('; ') || 'no remarks' },
          {
            name: 'names kept for dashboards',
            ok: true,
            note: `${inherited} remarks: the original's names, kept as they are`,
          },
        ],
      };
    } finally {
      await setup.stop();
    }
  },
};
