// Node and Deno: trains on files as an <input webkitdirectory> gives them. Paths as JSON in the first argument: of each file, where it
// lies, and in its folder; the result as JSON on stdout.
import { readFileSync } from 'node:fs';
import { trainedOn } from './photos-run.mjs';

const files = JSON.parse(process.argv[2]).map(([source, webkitRelativePath]) => {
  const file = new File([readFileSync(source)], webkitRelativePath.split('/').at(-1));
  return Object.defineProperty(file, 'webkitRelativePath', { value: webkitRelativePath });
});
console.log(JSON.stringify(await trainedOn(files)));
