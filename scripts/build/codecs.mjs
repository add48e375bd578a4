// The codecs of jSquash set `import.meta.url` where a host has none (Cloudflare's). Bundlers write the address itself in its place, and then
// assign to a text: webpack's output is no program, which Next's minifier finds. Nobody runs us where there is none, so it is left out.
import { readFile } from 'node:fs/promises';

const ASSIGNMENT =
  /if\s*\(import\.meta\.url\s*===\s*undefined\)\s*\{\s*import\.meta\.url\s*=\s*["']https:\/\/localhost["'];?\s*\}/g;

/** @param text {string} of a file of @jsquash; most have no such line */
export function withoutAssignment(text, path) {
  const replaced = text.replace(ASSIGNMENT, '');
  if (/import\.meta\.url\s*=[^=]/.test(replaced)) {
    throw new Error(`${path} assigns to import.meta.url: look at what a new version does`);
  }
  return replaced;
}

/** For esbuild. `then` is what the file goes through after that. */
export function codecsAsTheyLie(then = (text) => text) {
  return {
    name: 'codecs-as-they-lie',
    setup(build) {
      build.onLoad({ filter: /@jsquash[\\/].*\.js$/ }, async ({ path }) => ({
        contents: then(withoutAssignment(await readFile(path, 'utf8'), path)),
        loader: 'js',
      }));
    },
  };
}
