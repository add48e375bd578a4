// Image search in a folder, on this machine: node examples/search.mjs ENCODER FOLDER QUERY.jpg
// ENCODER: a run directory of moco-web, or an encoder as an ONNX file. Build first (npm run build).
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Encoder, Index } from '../dist/index.js';

const [from, folder, query] = process.argv.slice(2);
const found = await readdir(folder, { recursive: true });
const names = found.filter((name) => /\.(jpe?g|png|webp)$/i.test(name)).sort();

const encoder = await Encoder.load(from);
for (const note of encoder.notes) console.error(note);
const rows = await encoder.embed(names.map((name) => join(folder, name)));
const index = await Index.from(rows, { names });

for (const { name, similarity } of await index.search(await encoder.embed(query), 5)) {
  console.log(similarity.toFixed(3), name);
}
await index.dispose();
await encoder.dispose();
