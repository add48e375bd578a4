import type { Command } from 'commander';
import { embedEveryImage } from '../evaluate/evaluate-checkpoint.ts';
import { EMBEDDING_FORMATS, embeddingFormat, sidecarOf, writeEmbeddings } from './embedding-files.ts';
import { addEncoderOptions, type EncoderOptions, encoderJob } from './encoder-job.ts';
import type { Terminal } from './terminal.ts';

interface EmbedOptions extends EncoderOptions {
  out: string;
}

export function registerEmbed(program: Command, terminal: Terminal): void {
  const command = program.command('embed').description('embeddings of images, to a file');
  addEncoderOptions(command)
    .requiredOption('--out <file>', `where to: a name ending in ${EMBEDDING_FORMATS.join(', ')}`)
    .action((options: EmbedOptions) => runEmbed(options, terminal));
}

export async function runEmbed(
  options: EmbedOptions,
  terminal: Terminal,
  embed: typeof embedEveryImage = embedEveryImage,
): Promise<void> {
  const format = embeddingFormat(options.out);
  const job = await encoderJob(options, terminal);
  const { rows, unreadable } = await writeEmbeddings(options.out, embed(job), job.data.classes);
  terminal.out(`${rows} rows in ${options.out}; of which image each is: ${sidecarOf(options.out)}`);
  if (unreadable > 0) {
    const what = format === '.npy' ? 'have a row of NaN' : 'have no row';
    terminal.out(
      `${unreadable} images cannot be read and ${what}: the reasons are in ${sidecarOf(options.out)}`,
    );
  }
}
