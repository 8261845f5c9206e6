const texts = new WeakMap<object, string>();

/** A part of a config as JSON, made once: two parts with one text are the same settings. Configs are frozen, so it stays true. */
export function settingsText(part: object): string {
  let text = texts.get(part);
  if (text === undefined) {
    text = JSON.stringify(part);
    texts.set(part, text);
  }
  return text;
}

/** Whether two parts of configs say the same. */
export function sameSettings(a: object | undefined, b: object | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && settingsText(a) === settingsText(b));
}
