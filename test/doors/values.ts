/** What callers give by mistake, by name. */
export const JUNK = {
  undefined: undefined,
  null: null,
  NaN: Number.NaN,
  infinite: Number.POSITIVE_INFINITY,
  'below 0': -1,
  half: 0.5,
  huge: 1e21,
  word: 'junk',
  'empty word': '',
  true: true,
  bigint: 1n,
  symbol: Symbol('junk'),
  object: {},
  array: [],
  'array of null': [null],
  bytes: new Uint8Array(3),
  function: () => {},
  date: new Date(0),
  map: new Map(),
} as const satisfies Record<string, unknown>;

export type Junk = keyof typeof JUNK;

/** What the forms of an argument let through. */
export const LEFT_OUT: readonly Junk[] = ['undefined'];
export const TEXT: readonly Junk[] = ['word'];
export const BYTES: readonly Junk[] = ['bytes'];
export const OBJECTS: readonly Junk[] = ['object', 'array', 'array of null', 'bytes', 'date', 'map'];

/** What a call gives, whether it throws, rejects, or is asked for its first value. */
export async function outcomeOf(call: () => unknown): Promise<unknown> {
  const given = call();
  if (typeof given === 'object' && given !== null && Symbol.asyncIterator in given) {
    const events = given as AsyncGenerator<unknown>;
    try {
      return await events.next();
    } finally {
      await events.return(undefined);
    }
  }
  return await given;
}
