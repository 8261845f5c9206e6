import type { EngineSettings } from './options.ts';

/** The served model, its aliases and its LoRA adapters. */
export class ModelTable {
  readonly served: string;
  readonly aliases: readonly string[];
  /** Name → path. */
  readonly loras = new Map<string, string>();
  readonly loraEnabled: boolean;
  private readonly maxModelLen: number;

  constructor(settings: EngineSettings) {
    this.served = settings.models[0]!;
    this.aliases = settings.models;
    this.maxModelLen = settings.maxModelLen;
    this.loraEnabled = settings.loras !== undefined;
    for (const name of settings.loras ?? []) this.loras.set(name, `models/${name}`);
  }

  /** The name that the answer carries, and whether it is an adapter; undefined for an unknown model. No name means the served one. */
  resolve(name: string | undefined): { readonly name: string; readonly lora: boolean } | undefined {
    if (name === undefined || this.aliases.includes(name)) return { name: this.served, lora: false };
    return this.loras.has(name) ? { name, lora: true } : undefined;
  }

  unknown(name: string): string {
    return `The model \`${name}\` does not exist. Valid aliases: ${this.aliases.join(', ')}.`;
  }

  list(nextId: () => string): unknown {
    const created = Math.floor(Date.now() / 1000);
    const entry = (id: string, root: string, parent: string | null) => ({
      id,
      object: 'model',
      created,
      owned_by: 'vllm',
      root,
      parent,
      max_model_len: parent === null ? this.maxModelLen : null,
      permission: [
        {
          id: `modelperm-${nextId()}`,
          object: 'model_permission',
          created,
          allow_create_engine: false,
          allow_sampling: true,
          allow_logprobs: true,
          allow_search_indices: false,
          allow_view: true,
          allow_fine_tuning: false,
          organization: '*',
          group: null,
          is_blocking: false,
        },
      ],
    });
    return {
      object: 'list',
      data: [
        ...this.aliases.map((name) => entry(name, `models/${this.served}`, null)),
        ...[...this.loras].map(([name, path]) => entry(name, path, this.served)),
      ],
    };
  }
}
