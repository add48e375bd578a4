/** What the system says where something of it is used up, and what to do about it. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/\b(EMFILE|ENFILE)\b/, 'too many files are open: raise the limit (ulimit -n), or lower --workers'],
  [/\bEAGAIN\b/, 'too many processes or threads: raise the limit (ulimit -u), or lower --workers'],
  [
    /\bENOMEM\b|ERR_WORKER_OUT_OF_MEMORY|Array buffer allocation failed|could not allocate memory/i,
    'memory is full: end other programs, or lower --workers, --batch-size or --queue',
  ],
];

/** A message with what to do, where something is used up. */
export function withAdvice(message: string): string {
  const [, advice] = ADVICE.find(([pattern]) => pattern.test(message)) ?? [];
  return advice === undefined ? message : `${message}; ${advice}`;
}
