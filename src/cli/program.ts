import { inspect } from 'node:util';
import { Command, CommanderError } from 'commander';
import { version } from '../../package.json';
import { INPUT_ERRORS, MocoError, messageOf } from '../errors.ts';
import { registerAblate } from './ablate.ts';
import { registerAssets } from './assets.ts';
import { registerBench } from './bench.ts';
import { registerDifferentiate } from './differentiate.ts';
import { registerDoctor } from './doctor.ts';
import { registerDuplicates } from './duplicates.ts';
import { registerEmbed } from './embed.ts';
import { registerExport } from './export.ts';
import { registerFinetune } from './finetune.ts';
import { registerGolden } from './golden.ts';
import { registerImport } from './import.ts';
import { registerKnn } from './knn.ts';
import { registerLinear } from './linear.ts';
import { registerPretrain } from './pretrain.ts';
import { registerReport } from './report.ts';
import { withAdvice } from './resources.ts';
import { registerSearch } from './search.ts';
import type { Terminal } from './terminal.ts';

const DEBUG = '--debug';
const FAILED = 1;
const BAD_INPUT = 2;

function createProgram(terminal: Terminal): Command {
  const program = new Command('moco-web')
    .description('Momentum Contrast (MoCo v1/v2) pre-training and embedding')
    .version(version)
    .option(DEBUG, 'print the stack and the causes of an error')
    // Errors are thrown to `main`, which prints them in one line; commander itself prints help only.
    .exitOverride()
    .configureOutput({
      writeOut: (text) => inLines(text, (line) => terminal.out(line)),
      writeErr: (text) => inLines(text, (line) => terminal.error(line)),
      outputError: () => undefined,
    });
  program.hook('postAction', () => terminal.tally?.end(terminal));
  // Of every command: a variable of a shell that is not set leaves an empty word.
  program.hook('preAction', (_program, command) => {
    for (const { flags, attributeName } of namesOf(command)) {
      if (command.getOptionValue(attributeName) === '')
        throw new MocoError('usage', `${flags} is empty: give a value`);
    }
    if (command.args.includes('')) throw new MocoError('usage', 'an argument is empty: give a value');
  });
  // Sub-commands made by `command()` inherit what is set above.
  registerPretrain(program, terminal);
  registerFinetune(program, terminal);
  registerKnn(program, terminal);
  registerLinear(program, terminal);
  registerEmbed(program, terminal);
  registerSearch(program, terminal);
  registerDuplicates(program, terminal);
  registerImport(program, terminal);
  registerExport(program, terminal);
  registerReport(program, terminal);
  registerAblate(program, terminal);
  registerBench(program, terminal);
  registerGolden(program, terminal);
  registerAssets(program, terminal);
  registerDifferentiate(program, terminal);
  registerDoctor(program, terminal);
  return program;
}

/**
 * Runs the command line.
 * @param argv arguments after the program's own name
 * @returns the exit code: 0; 2 for bad usage or input, 1 for other failures, both with one line on stderr, after
 * stack and causes where there is --debug
 */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    if (argv.length === 0) {
      createProgram(terminal).outputHelp({ error: true });
      return BAD_INPUT;
    }
    await createProgram(terminal).parseAsync([...argv], { from: 'user' });
    return terminal.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // --help, --version
    if (argv.includes(DEBUG)) inLines(inspect(error), (line) => terminal.error(line));
    if (error instanceof CommanderError) {
      terminal.error(oneLine(error.message));
      return BAD_INPUT;
    }
    if (error instanceof MocoError) {
      terminal.error(`error: ${withAdvice(oneLine(inFlags(error.message)))}`);
      return INPUT_ERRORS.has(error.code) ? BAD_INPUT : FAILED;
    }
    terminal.error(`error: ${withAdvice(oneLine(messageOf(error)))}`);
    return FAILED;
  }
}

/** The library names its own options: backend 'wasm'. Here that is a flag. */
function inFlags(message: string): string {
  return message.replaceAll(/\bbackend '(webgpu|native|wasm)'/g, '--backend $1');
}

function namesOf({ options }: Command): { flags: string; attributeName: string }[] {
  return options.map((option) => ({
    flags: option.long ?? option.flags,
    attributeName: option.attributeName(),
  }));
}

function inLines(text: string, print: (line: string) => void): void {
  for (const line of text.trimEnd().split('\n')) print(line);
}

function oneLine(message: string): string {
  return message.replace(/\s*\n\s*/g, ' ').trim();
}
