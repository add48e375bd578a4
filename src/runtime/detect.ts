/** Which JavaScript runtime this is. Only runtime/ may ask. */
export type RuntimeName = 'node' | 'deno' | 'browser';

export function runtimeName(): RuntimeName {
  if ('Deno' in globalThis) return 'deno';
  if (globalThis.process?.versions?.node) return 'node';
  return 'browser';
}

export function isNode(): boolean {
  return runtimeName() === 'node';
}

/** Whether this is the thread that a page is drawn and answers on, which nothing may keep busy. */
export function isPageThread(): boolean {
  return runtimeName() === 'browser' && 'document' in globalThis;
}
