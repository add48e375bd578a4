// `./run.sh`: looks for a GPU driver, runs the parts, writes the JSON of each. Its first line says whether a driver was found.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findAdapter } from './adapter.mjs';
import { PARTS, runPart, whyNotRun } from './parts.mjs';
import { runProgram } from './processes.mjs';

const HERE = fileURLToPath(new URL('..', import.meta.url));
/** Of a part, with the search for a driver where it is the first: what runs it may allow ten minutes. */
const PART_MS = 540_000;

const NAMES = Object.keys(PARTS);
const HELP = `./run.sh [--small] [--out DIR] [PART…]

Without PART all of them, one after the other; each takes less than ten minutes:
${NAMES.map((name) => `  ${name.padEnd(16)} ${PARTS[name].says}`).join('\n')}

  --small      small shapes, for a trial on a software adapter
  --out DIR    where the JSON goes (default: $OUT, else results/ in this folder)`;

function parseArguments() {
  try {
    const options = { small: { type: 'boolean' }, out: { type: 'string' }, help: { type: 'boolean' } };
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const unknown = positionals.find((name) => !(name in PARTS));
    if (unknown === undefined) return { ...values, parts: positionals.length > 0 ? positionals : NAMES };
    throw new Error(`no part is called ${unknown}; there are ${NAMES.join(', ')}`);
  } catch (error) {
    console.error(`run.sh: ${error.message}`);
    return process.exit(2);
  }
}

/** @param script its path in the archive */
function node([script, ...args], env, limitMs) {
  return runProgram(process.execPath, [join(HERE, script), ...args], { env, limitMs });
}

const moco = (args, env, limitMs) => node(['dist/cli.js', ...args], env, limitMs);

/** Whose figures these are. */
async function describeMachine() {
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
  const { code, stdout } = await runProgram('nvidia-smi', query, { limitMs: 20_000 });
  const cores = cpus();
  return {
    nvidiaSmi: code === 0 ? stdout.trim() : null,
    cpu: cores[0]?.model,
    cores: cores.length,
    memory: totalmem(),
    // Of the minute before: others' work makes all times longer.
    load: loadavg()[0],
    glibc: process.report.getReport().header.glibcVersionRuntime,
  };
}

/** One that cannot run here is 'NOT RUN', with the reason. */
async function run(name, { taken, small, limitMs }) {
  const reason = whyNotRun(PARTS[name], taken.gpu, small);
  if (reason !== null) return { status: 'NOT RUN', why: reason, result: null };
  const command = (args, limit) => node(args, taken.env, limit);
  const { ok, why, result, tries, stderr } = await runPart(PARTS[name], {
    ...{ command, small, limitMs },
    doctor: taken,
  });
  return { status: ok ? 'ok' : 'FAILED', why, result, tries, stderr: stderr || undefined };
}

function write(file, value) {
  writeFileSync(file, `${JSON.stringify(value, null, 1)}\n`);
}

const { parts, small = false, out = process.env.OUT || join(HERE, 'results'), help } = parseArguments();
if (help) {
  console.log(HELP);
  process.exit(0);
}
const { taken, line, looked } = await findAdapter(moco, join(HERE, 'vulkan'));
console.log(line);
mkdirSync(out, { recursive: true });
const bundle = JSON.parse(readFileSync(join(HERE, 'bundle.json'), 'utf8'));
const head = { small, bundle, machine: await describeMachine(), vulkan: looked };
const statuses = {};
// That of this process: the search counts.
let started = 0;
for (const name of parts) {
  const limitMs = PART_MS - (performance.now() - started);
  const { status, why, result, ...rest } = await run(name, { taken, small, limitMs });
  const seconds = (performance.now() - started) / 1000;
  const file = join(out, `${name}.json`);
  write(file, { part: name, status, why, seconds, ...head, ...rest, result });
  const speed = result?.imagesPerSecond ? `, ${result.imagesPerSecond.toFixed(1)} images/s` : '';
  console.log(`${name}: ${status}${speed}${why ? ` (${why})` : ''}, ${seconds.toFixed(1)} s, ${file}`);
  statuses[name] = status;
  started = performance.now();
}
if (parts.length > 1) write(join(out, 'summary.json'), { statuses, ...head });
const bad = Object.entries(statuses).filter(([, status]) => status !== 'ok');
const named = bad.map(([name, status]) => `; ${name} ${status}`).join('');
const total = Object.keys(statuses).length;
console.log(`${total - bad.length} of ${total} parts ok${named}${small ? ' (small shapes)' : ''}`);
process.exitCode = bad.length > 0 ? 1 : 0;
