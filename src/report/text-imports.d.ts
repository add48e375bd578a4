/** What the build imports as text (scripts/build/text-imports.mjs), and in tests a plugin of vitest (scripts/text-files.ts). */
declare module '*?raw' {
  const text: string;
  export default text;
}
/** One script, with all that it imports. */
declare module '*?script' {
  const text: string;
  export default text;
}
