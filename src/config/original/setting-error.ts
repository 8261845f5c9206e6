/**
 * A setting of the original router that cannot be used. `kind`: `usage` is argparse's own error (exit 2), `refused` is something
 * that this router does not do, `value` one of the original's later checks; both exit 1.
 */
export class SettingError extends Error {
  /** Without dashes at the start. */
  readonly setting: string;
  readonly kind: 'usage' | 'refused' | 'value';

  constructor(setting: string, message: string, kind: SettingError['kind'] = 'value') {
    super(message);
    this.setting = setting;
    this.kind = kind;
  }
}
